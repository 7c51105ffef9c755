// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Session } from "./session.ts";

const NAME = "analytics-engine.session";

function accessToken(name: string, claims: Record<string, unknown> = {}): string {
  const body = btoa(JSON.stringify({ sub: "u", client: "c", role: "analyst", features: "live series", name, ...claims }))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
  return `h.${body}.s`;
}

const tokens = (name: string, seconds = 3600) => ({
  access_token: accessToken(name),
  refresh_token: `refresh ${name}`,
  token_type: "Bearer" as const,
  expires_in: seconds,
});

let asked: string[];
let answer: () => Response;

beforeEach(() => {
  localStorage.clear();
  asked = [];
  answer = () => Response.json(tokens("new"));
  vi.stubGlobal("fetch", async (_: string, request: RequestInit) => {
    asked.push(JSON.parse(String(request.body)).refresh_token);
    return answer();
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

function opened(seconds?: number): Session {
  const session = new Session("http://api");
  session.open(tokens("old", seconds), "ada@example.com");
  return session;
}

describe("a session", () => {
  it("knows who is signed in, also after the page is read anew", () => {
    expect(opened().user).toEqual({ id: "u", client: "c", email: "ada@example.com", role: "analyst", features: ["live", "series"] });
    expect(new Session("http://api").user?.email).toBe("ada@example.com");
  });

  it("gives a token that is good without asking", async () => {
    expect(await opened().token()).toBe(accessToken("old"));
    expect(asked).toEqual([]);
  });

  it("refreshes one that ends soon, once for all who ask meanwhile", async () => {
    const session = opened(30);
    expect(await Promise.all([session.token(), session.token(), session.token()])).toEqual(Array(3).fill(accessToken("new")));
    expect(asked).toEqual(["refresh old"]);
  });

  it("refreshes one that the API did not take, and only that one", async () => {
    const session = opened();
    expect(await session.token(accessToken("old"))).toBe(accessToken("new"));
    expect(await session.token(accessToken("old"))).toBe(accessToken("new"));
    expect(asked).toEqual(["refresh old"]);
  });

  it("takes what another tab got, because a refresh token counts once", async () => {
    const session = opened(30);
    const other = { access: accessToken("other"), refresh: "refresh other", until: Date.now() + 3_600_000, email: "ada@example.com" };
    localStorage.setItem(NAME, JSON.stringify(other));
    expect(await session.token()).toBe(accessToken("other"));
    expect(asked).toEqual([]);
  });

  it("ends where a refresh is refused", async () => {
    answer = () => new Response(null, { status: 401 });
    const session = opened(30);
    const changes: unknown[] = [];
    session.onChange(() => changes.push(session.user));
    expect(await session.token()).toBeNull();
    expect(changes).toEqual([null]);
    expect(localStorage.getItem(NAME)).toBeNull();
  });

  it.each<[string, (session: Session) => void, string | null]>([
    ["is over", (session) => session.close(), null],
    ["is over in another tab", () => localStorage.removeItem(NAME), null],
    ["is somebody else's", (session) => session.open(tokens("other"), "bob@example.com"), accessToken("other")],
  ])("that %s while it is refreshed stays so", async (_, meanwhile, expected) => {
    const session = opened(30);
    answer = () => {
      meanwhile(session);
      return Response.json(tokens("new"));
    };
    expect(await session.token()).toBe(expected);
    expect(session.user?.email ?? null).toBe(expected && "bob@example.com");
    expect(localStorage.getItem(NAME)?.includes("refresh new") ?? false).toBe(false);
  });

  it("stays where a refresh does not get through", async () => {
    answer = () => new Response(null, { status: 503 });
    const session = opened(30);
    await expect(session.token()).rejects.toThrow("503");
    expect(session.user).not.toBeNull();
    answer = () => Response.json(tokens("new"));
    expect(await session.token()).toBe(accessToken("new"));
  });

  it.each([
    ["no JSON", "{"],
    ["another version's", '{"token":1}'],
    ["a token that is none", JSON.stringify({ access: "x", refresh: "y", until: 0, email: "z" })],
  ])("is nobody's where what is kept is %s", (_, kept) => {
    localStorage.setItem(NAME, kept);
    expect(new Session("http://api").user).toBeNull();
  });
});
