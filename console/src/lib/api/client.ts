// The one way to the HTTP API: typed by its own document, with a good token, and with errors that say what is wrong.
import createClient, { type Client } from "openapi-fetch";
import type { Session } from "../session.ts";
import type { paths } from "./schema.gen.ts";

export type Api = Client<paths>;

/** What the API refused, in its own words. */
export class Problem extends Error {
  readonly status: number;
  readonly kind: string;
  readonly hint: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, title: string, detail: { kind?: string; hint?: string; retryAfterMs?: number } = {}) {
    super(title);
    this.name = "Problem";
    this.status = status;
    this.kind = detail.kind ?? "";
    this.hint = detail.hint;
    this.retryAfterMs = detail.retryAfterMs;
  }
}

/** The API can't be reached, or broke off. */
export class Unreachable extends Error {}

export function createApi(base: string, session: Session): Api {
  return createClient<paths>({ baseUrl: base, fetch: (request: Request) => send(request, session) });
}

async function send(request: Request, session: Session): Promise<Response> {
  // A request is sent anew with another token where the first is refused: a body can be read once only.
  const again = request.clone();
  const token = await session.token();
  const response = await fetchWith(request, token);
  if (response.status !== 401 || token === null) return response;
  const other = await session.token(token);
  if (other === null || other === token) {
    session.close();
    return response;
  }
  return fetchWith(again, other);
}

async function fetchWith(request: Request, token: string | null): Promise<Response> {
  if (token !== null) request.headers.set("authorization", `Bearer ${token}`);
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable("the API can't be reached", { cause: error });
  }
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of an answer, or what was refused as a [Problem]. */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (response.ok && data !== undefined) return data;
  throw problemOf(response, error);
}

export function problemOf(response: Response, body: unknown): Problem {
  const fields = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = (name: string) => (typeof fields[name] === "string" ? (fields[name] as string) : undefined);
  const after = Number(response.headers.get("retry-after"));
  return new Problem(response.status, text("detail") ?? text("message") ?? text("title") ?? `answered ${response.status}`, {
    ...(text("type") ? { kind: text("type") as string } : {}),
    ...(text("hint") ? { hint: text("hint") as string } : {}),
    ...(after > 0 ? { retryAfterMs: after * 1000 } : {}),
  });
}
