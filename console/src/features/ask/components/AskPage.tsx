import { useSearchParams } from "react-router";
import { PageHeader } from "~/components/PageHeader.tsx";
import { Empty, Failed, Loading } from "~/components/States.tsx";
import { useKpis } from "~/lib/api/queries.ts";
import { text } from "~/lib/text.ts";
import { useAnswers } from "../api/ask.ts";
import { fromQuery, toQuery } from "../question.ts";
import { Answer } from "./Answer.tsx";
import classes from "./Ask.module.css";
import { QuestionForm } from "./QuestionForm.tsx";

/** Any KPI over any range. The question is the page's address. */
export function AskPage() {
  const [query, setQuery] = useSearchParams();
  const asked = fromQuery(query);
  const kpis = useKpis();
  const answers = useAnswers(asked);
  if (kpis.error && !kpis.data) return <Failed error={kpis.error} retry={() => kpis.refetch()} />;
  if (!kpis.data) return <Loading height="50vh" />;
  return (
    <>
      <PageHeader title={text.ask.title} lead={text.ask.lead} />
      <div className={classes.page}>
        <QuestionForm
          key={query.toString()}
          asked={asked}
          kpis={kpis.data}
          isAsking={answers.isFetching}
          ask={(next) => (toQuery(next).toString() === query.toString() ? answers.refetch() : setQuery(toQuery(next)))}
        />
        <div className={classes.answer}>
          {asked.kpis.length === 0 ? (
            <div className="panel">
              <Empty title={text.ask.empty} hint={text.ask.emptyHint} />
            </div>
          ) : answers.error ? (
            <div className="panel">
              <Failed error={answers.error} retry={() => answers.refetch()} />
            </div>
          ) : !answers.data ? (
            <div className="panel">
              <Loading height={400} />
            </div>
          ) : (
            <Answer asked={asked} answers={answers.data} kpis={kpis.data} />
          )}
        </div>
      </div>
    </>
  );
}
