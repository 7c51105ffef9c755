// The shell around the machine: it owns the socket, the timers and the token.
import { DEAD_MS, HANDSHAKE_MS, IDLE_MS, REFUSED_MS, RETRY_FIRST_MS, RETRY_LAST_MS, SETTLED_MS, STALE_MS } from "./limits.ts";
import { type Effect, Machine } from "./machine.ts";
import { type Frame, keyOf, type Snapshot, type Topic } from "./topics.ts";

/**
 * `idle`: nothing is watched. `connecting`: for the first time, or after a pause without topics. `live`: whatever changes arrives. `stale`: connected, but beats
 * are missing. `reconnecting`: the connection was lost, and is being made again. `signed-out`: there is no token.
 */
export type State = "idle" | "connecting" | "live" | "stale" | "reconnecting" | "signed-out";

/** How the connection is. A new object whenever it changes. */
export interface Status {
  readonly state: State;
  /** The server's clock at its last beat, in milliseconds since 1970; null before the first one. Whatever is shown is as of then, at least. */
  readonly asOf: number | null;
  /** The time up to which the facts of each entity have arrived. */
  readonly watermark: Readonly<Record<string, string>>;
  /** When the next attempt to connect is due, in milliseconds since 1970. */
  readonly retryAt: number | null;
}

/** Of a WebSocket what is used here; the browser's and Node's are such. */
export interface Socket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface Options {
  /** Address of the WebSocket API, such as `wss://…/live`. */
  readonly url: string;
  /**
   * A good access token, or null when nobody is signed in. It is asked for before every connection. `refused` says that the last one with this token did not open:
   * a browser isn't told why, so ask `GET /v1/kpis` with it.
   */
  readonly token: (refused: boolean) => Promise<string | null>;
  /** Makes a socket; `new WebSocket(url)` unless given. Node 20 has none of its own without `--experimental-websocket`. */
  readonly connect?: (url: string, protocol: string) => Socket;
  readonly random?: () => number;
}

const SUBPROTOCOL = "analytics-engine.v1";

export class LiveClient {
  readonly #options: Options;
  readonly #machine = new Machine();
  /** Who is told of a topic, and how often it is watched. */
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #statusListeners = new Set<() => void>();
  #status: Status = { state: "idle", asOf: null, watermark: {}, retryAt: null };
  #socket: Socket | null = null;
  #isOpen = false;
  /** Grows with each attempt: what an earlier one still brings is not listened to. */
  #attempt = 0;
  #failures = 0;
  #wasRefused = false;
  #ended = false;
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #scheduled = { watch: [] as Topic[], unwatch: new Set<string>(), is: false };

  constructor(options: Options) {
    this.#options = options;
  }

  /** Watches a topic until the answer is called. `changed` is called after each change; [LiveClient.snapshot] then has it. */
  watch(topic: Topic, changed: () => void): () => void {
    const key = keyOf(topic);
    const listener = () => changed();
    const listeners = this.#listeners.get(key) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(key, listeners);
    if (listeners.size === 1 && !this.#scheduled.unwatch.delete(key)) this.#scheduled.watch.push(topic);
    this.#schedule();
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.#listeners.delete(key);
      this.#scheduled.unwatch.add(key);
      this.#schedule();
    };
  }

  /** What is known of a topic; the same object until it changes. */
  snapshot(topic: Topic): Snapshot {
    return this.#machine.snapshot(keyOf(topic));
  }

  get status(): Status {
    return this.#status;
  }

  /** Calls whenever [LiveClient.status] changes, until the answer is called. */
  onStatus(changed: () => void): () => void {
    const listener = () => changed();
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  /** Connects now instead of after the pause: the network is back, somebody signed in, or a page is looked at again. */
  wake(): void {
    if (this.#isOpen || this.#ended) return;
    if (this.#status.state === "reconnecting" || this.#status.state === "signed-out") this.#open();
  }

  /** The network is gone: what is shown is not kept up from here on, whatever the socket thinks. */
  lost(): void {
    if (this.#socket) this.#reconnect();
  }

  /** Asks anew for topics that were refused for good. */
  forgive(topics: readonly Topic[]): void {
    this.#act(this.#machine.forgive(topics.map(keyOf)));
    this.#settle();
  }

  /** Ends the connection; nothing is watched any more. */
  close(): void {
    this.#ended = true;
    this.#drop();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#set({ state: "idle", retryAt: null });
  }

  /** What a page watches and gives up in one go becomes one message. */
  #schedule(): void {
    if (this.#scheduled.is) return;
    this.#scheduled.is = true;
    queueMicrotask(() => {
      const { watch, unwatch } = this.#scheduled;
      this.#scheduled = { watch: [], unwatch: new Set(), is: false };
      if (this.#ended) return;
      this.#act(this.#machine.unwatch(unwatch));
      this.#act(this.#machine.watch(watch.filter((topic) => this.#listeners.has(keyOf(topic)))));
      this.#settle();
    });
  }

  /** Connects when something is watched; lets the connection go when nothing is for a while. */
  #settle(): void {
    if (this.#machine.isWanted) {
      this.#stop("idle");
      if (!this.#socket && !this.#timers.has("retry") && this.#status.state !== "signed-out") this.#open();
    } else if (this.#socket && !this.#timers.has("idle")) {
      this.#after("idle", IDLE_MS, () => {
        this.#drop();
        this.#set({ state: "idle", retryAt: null });
      });
    }
  }

  #open(): void {
    this.#drop();
    this.#stop("retry");
    this.#attempt += 1;
    const attempt = this.#attempt;
    const again = this.#status.state === "reconnecting" || this.#status.state === "stale" || this.#status.state === "live";
    this.#set({ state: again ? "reconnecting" : "connecting", retryAt: null });
    this.#after("retry", HANDSHAKE_MS, () => this.#reconnect());
    this.#options.token(this.#wasRefused).then(
      (token) => {
        if (attempt === this.#attempt && !this.#ended) this.#connect(token, attempt);
      },
      () => {
        if (attempt === this.#attempt && !this.#ended) this.#reconnect();
      },
    );
  }

  #connect(token: string | null, attempt: number): void {
    if (token === null) {
      this.#drop();
      this.#stop("retry");
      this.#set({ state: "signed-out", retryAt: null });
      return;
    }
    const connect = this.#options.connect ?? ((url, protocol) => new WebSocket(url, protocol) as unknown as Socket);
    const socket = connect(`${this.#options.url}?token=${encodeURIComponent(token)}`, SUBPROTOCOL);
    this.#socket = socket;
    socket.onopen = () => {
      if (attempt !== this.#attempt) return;
      this.#isOpen = true;
      this.#wasRefused = false;
      this.#stop("retry");
      this.#act(this.#machine.opened());
      this.#expect();
    };
    socket.onmessage = (event) => {
      if (attempt === this.#attempt) this.#receive(event.data);
    };
    socket.onclose = () => {
      if (attempt !== this.#attempt) return;
      this.#wasRefused = !this.#isOpen;
      this.#reconnect();
    };
    socket.onerror = null;
  }

  #receive(data: unknown): void {
    const frame = parse(data);
    if (!frame) return;
    const before = this.#machine.steps;
    const effects = this.#machine.receive(frame);
    if (this.#machine.steps !== before) this.#news();
    this.#act(effects);
  }

  /** A step was applied: whatever changes arrives. */
  #news(): void {
    if (this.#status.state !== "live") {
      this.#set({ state: "live", retryAt: null });
      this.#after("settled", SETTLED_MS, () => {
        this.#failures = 0;
      });
    }
    this.#expect();
  }

  /** Beats are due from here on. */
  #expect(): void {
    const before = this.#machine.steps;
    this.#after("stale", STALE_MS, () => {
      if (this.#machine.isLive) this.#set({ state: "stale" });
    });
    this.#after("dead", DEAD_MS, () => {
      if (!this.#machine.isWanted) return;
      // Connected, and not one step in all this time: perhaps the server began anew, and all that it says is older than what is known here.
      if (before === this.#machine.steps && this.#status.state !== "stale") this.#machine.forget();
      this.#reconnect();
    });
  }

  #act(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.do) {
        case "send":
          this.#socket?.send(effect.text);
          break;
        case "reconnect":
          // At once, but not one hole after the other without a pause.
          if (this.#timers.has("settled")) this.#reconnect();
          else this.#open();
          break;
        case "retry":
          this.#after("refused", REFUSED_MS, () => this.#act(this.#machine.retry()));
          break;
        case "beat":
          this.#set({ asOf: Date.parse(effect.time), watermark: effect.watermark });
          break;
        case "tell":
          this.#tell(effect.keys);
          break;
      }
    }
  }

  #tell(keys: ReadonlySet<string>): void {
    for (const key of keys) {
      for (const listener of this.#listeners.get(key) ?? []) listener();
    }
  }

  /** Connects again after a pause that is drawn, so that a thousand dashboards don't come back in the same moment. */
  #reconnect(): void {
    this.#drop();
    const longest = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    const pause = longest * (0.5 + 0.5 * (this.#options.random ?? Math.random)());
    this.#set({ state: "reconnecting", retryAt: Date.now() + pause });
    this.#after("retry", pause, () => {
      if (this.#machine.isWanted) this.#open();
      else this.#set({ state: "idle", retryAt: null });
    });
  }

  #drop(): void {
    this.#attempt += 1;
    for (const timer of ["stale", "dead", "settled", "idle"]) this.#stop(timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#isOpen = false;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#act(this.#machine.closed());
  }

  #set(change: Partial<Status>): void {
    this.#status = { ...this.#status, ...change };
    for (const listener of this.#statusListeners) listener();
  }

  #after(name: string, pause: number, what: () => void): void {
    this.#stop(name);
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      what();
    }, pause);
    this.#timers.set(name, timer);
  }

  #stop(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/** A frame, or null for what is none: a server of a later version may send what this one does not know. */
function parse(data: unknown): Frame | null {
  if (typeof data !== "string") return null;
  try {
    const frame: unknown = JSON.parse(data);
    return typeof frame === "object" && frame !== null && "type" in frame ? (frame as Frame) : null;
  } catch {
    return null;
  }
}
