import { useMutation } from "@tanstack/react-query";
import { unwrap } from "~/lib/api/client.ts";
import { useServices } from "~/lib/context.tsx";

export function useSignIn() {
  const { api, session } = useServices();
  return useMutation({
    mutationFn: async ({ email, password }: { email: string; password: string }) => {
      const tokens = await unwrap(api.POST("/v1/sign-in", { body: { email, password } }));
      session.open(tokens, email);
    },
  });
}
