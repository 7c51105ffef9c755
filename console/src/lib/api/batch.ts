// Questions that a page asks in one go are one call: all of their answers are of the same facts, and it is faster than one after the other.
import { type Api, Problem } from "./client.ts";
import { calculate, type KpiValue, type OneOfMany, type Question, type Series } from "./queries.ts";

/** Components that appear together ask within this time. */
const GATHER_MS = 5;

interface Waiting {
  readonly question: Question;
  readonly resolve: (answer: OneOfMany) => void;
  readonly reject: (error: unknown) => void;
}

const waiting = new WeakMap<Api, Waiting[]>();

function ask(api: Api, question: Question): Promise<OneOfMany> {
  return new Promise((resolve, reject) => {
    const gathered = waiting.get(api);
    if (gathered) {
      gathered.push({ question, resolve, reject });
      return;
    }
    waiting.set(api, [{ question, resolve, reject }]);
    setTimeout(() => send(api), GATHER_MS);
  });
}

async function send(api: Api): Promise<void> {
  const gathered = waiting.get(api) ?? [];
  waiting.delete(api);
  try {
    const answers = await calculate(
      api,
      gathered.map((each) => each.question),
    );
    gathered.forEach((each, index) => {
      each.resolve(answers[index] as OneOfMany);
    });
  } catch (error) {
    for (const each of gathered) each.reject(error);
  }
}

/** Values over a range. */
export async function askSeries(api: Api, question: Question): Promise<Series> {
  const answer = await ask(api, question);
  if ("series" in answer) return answer.series;
  throw refused(answer);
}

/** The value over one bucket. */
export async function askValue(api: Api, question: Question): Promise<KpiValue> {
  const answer = await ask(api, question);
  if ("value" in answer) return answer.value;
  throw refused(answer);
}

function refused(answer: OneOfMany): Problem {
  if (!("problem" in answer)) return new Problem(500, "the answer is of another kind than the question");
  const { status, detail, type, hint } = answer.problem;
  return new Problem(status, detail, { kind: type, ...(hint ? { hint } : {}) });
}
