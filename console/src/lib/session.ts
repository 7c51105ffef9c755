// Who is signed in. A refresh token counts once, and a second use of it ends the session, so there is one refresh at a time over all tabs of the browser.
import type { components } from "./api/schema.gen.ts";
import { load, onChange, remove, save } from "./storage.ts";

type Tokens = components["schemas"]["Tokens"];
export type Role = components["schemas"]["RoleName"];

export interface User {
  readonly id: string;
  readonly client: string;
  readonly email: string;
  readonly role: Role;
  readonly features: readonly string[];
}

interface Kept {
  readonly access: string;
  readonly refresh: string;
  /** When the access token ends, by this machine's clock. */
  readonly until: number;
  readonly email: string;
}

const NAME = "session";

/** An access token that ends so soon is not good for a request any more. */
const MARGIN_MS = 60_000;

export class Session {
  readonly #base: string;
  readonly #listeners = new Set<() => void>();
  #kept: Kept | null;
  #user: User | null;
  #refreshing: Promise<string | null> | null = null;

  constructor(base: string) {
    this.#base = base;
    this.#kept = load(NAME, isKept);
    this.#user = userOf(this.#kept);
    onChange(NAME, () => this.#take(load(NAME, isKept)));
  }

  /** The same object until somebody else is signed in. */
  get user(): User | null {
    return this.#user;
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  open(tokens: Tokens, email: string): void {
    this.#keep(tokens, email);
  }

  close(): void {
    remove(NAME);
    this.#take(null);
  }

  /** A good access token; null when nobody is signed in. `refused` is one that the API did not take. */
  async token(refused?: string): Promise<string | null> {
    const kept = this.#kept;
    if (!kept) return null;
    if (kept.access !== refused && Date.now() < kept.until - MARGIN_MS) return kept.access;
    this.#refreshing ??= this.#refresh(kept.access).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh(old: string): Promise<string | null> {
    return withLock(async () => {
      // Another tab may have been first.
      this.#take(load(NAME, isKept));
      const kept = this.#kept;
      if (!kept || kept.access !== old) return kept?.access ?? null;
      const response = await fetch(`${this.#base}/v1/refresh-token`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ refresh_token: kept.refresh }),
      });
      const tokens: unknown = response.ok ? await response.json() : null;
      // Who signed out meanwhile, here or in another tab, stays signed out; and who signed in stays signed in.
      const now = load(NAME, isKept);
      if (now?.refresh !== kept.refresh) {
        this.#take(now);
        return now?.access ?? null;
      }
      if (response.status === 400 || response.status === 401 || response.status === 403) {
        this.close();
        return null;
      }
      if (!response.ok) throw new Error(`the session can't be refreshed now: ${response.status}`);
      this.#keep(tokens as Tokens, kept.email);
      return this.#kept?.access ?? null;
    });
  }

  #keep(tokens: Tokens, email: string): void {
    const kept: Kept = { access: tokens.access_token, refresh: tokens.refresh_token, until: Date.now() + tokens.expires_in * 1000, email };
    save(NAME, kept);
    this.#take(kept);
  }

  #take(kept: Kept | null): void {
    this.#kept = kept;
    const user = userOf(kept);
    if (JSON.stringify(user) === JSON.stringify(this.#user)) return;
    this.#user = user;
    for (const listener of this.#listeners) listener();
  }
}

function withLock<T>(work: () => Promise<T>): Promise<T> {
  // Not there where the page is not served securely.
  return navigator.locks ? (navigator.locks.request("analytics-engine.refresh", work) as Promise<T>) : work();
}

function isKept(value: unknown): value is Kept {
  const kept = value as Kept;
  return typeof kept?.access === "string" && typeof kept.refresh === "string" && typeof kept.until === "number" && typeof kept.email === "string";
}

/** What the token says: for what is shown. What one may do is decided by the API. */
function userOf(kept: Kept | null): User | null {
  if (!kept) return null;
  try {
    const body = kept.access.split(".")[1] ?? "";
    const claims = JSON.parse(atob(body.replaceAll("-", "+").replaceAll("_", "/"))) as Record<string, string>;
    const { sub, client, role, features } = claims;
    if (!sub || !client || !role) return null;
    return { id: sub, client, email: kept.email, role: role as Role, features: (features ?? "").split(" ").filter(Boolean) };
  } catch {
    return null;
  }
}
