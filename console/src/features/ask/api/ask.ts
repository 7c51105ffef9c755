import { useQuery } from "@tanstack/react-query";
import { askSeries } from "~/lib/api/batch.ts";
import { useApi } from "~/lib/context.tsx";
import { type Asked, questionsOf, rangeOf } from "../question.ts";

/** The answers to a question, one series for each KPI. */
export function useAnswers(asked: Asked) {
  const api = useApi();
  const isWhole = asked.kpis.length > 0 && rangeOf(asked, Date.now()) !== null;
  return useQuery({
    queryKey: ["ask", asked],
    queryFn: async () => {
      const range = rangeOf(asked, Date.now());
      return range ? Promise.all(questionsOf(asked, range).map((question) => askSeries(api, question))) : [];
    },
    enabled: isWhole,
    staleTime: 0,
    gcTime: 60_000,
  });
}
