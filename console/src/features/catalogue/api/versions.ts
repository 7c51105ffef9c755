import { useQuery } from "@tanstack/react-query";
import { unwrap } from "~/lib/api/client.ts";
import { useApi } from "~/lib/context.tsx";

/** What was defined under a code, the newest first. */
export function useVersions(code: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["versions", code],
    queryFn: ({ signal }) => unwrap(api.GET("/v1/kpis/{code}/versions", { params: { path: { code }, query: { limit: 50 } }, signal })),
  });
}
