// The five rules of the live protocol (docs/live-protocol.md), and what follows of them for what is shown. Pure: frames go in, effects come out; there is no
// socket and no clock here.
import { MESSAGE_BYTES, TOPICS_PER_MESSAGE } from "./limits.ts";
import { type Frame, isEchoOf, keyOf, type Refusal, type Row, request, type Silence, type Snapshot, type Topic, type TopicEcho } from "./topics.ts";

/** What the owner of the socket has to do. */
export type Effect =
  | { readonly do: "send"; readonly text: string }
  /** Close the connection, and connect again at once: there is a hole. */
  | { readonly do: "reconnect"; readonly why: string }
  /** Call [Machine.retry] in a while: something was refused for the moment only. */
  | { readonly do: "retry" }
  /** Tell who watches these topics. */
  | { readonly do: "tell"; readonly keys: ReadonlySet<string> }
  /** How far the data of each entity has come, by the server's clock. */
  | { readonly do: "beat"; readonly time: string; readonly watermark: Readonly<Record<string, string>> };

interface Position {
  readonly epoch: number;
  readonly seq: number;
}

type Positioned = Extract<Frame, { epoch: number }>;

/** A topic that is watched, with what is shown of it and how far that reaches. */
interface Watched {
  readonly topic: Topic;
  state: "new" | "asked" | "live" | "refused" | "postponed";
  rows: Map<number, Row>;
  /** How far `rows` reach; null when there is nothing to resume. */
  at: Position | null;
  silent: Silence | null;
  refusal: Refusal | null;
  snapshot: Snapshot | null;
}

/** Refusals that the same message may not meet in a while. */
const PASSING: readonly string[] = ["unavailable", "limit-exceeded"];

/** A topic of a `subscribe`. Its answers come in the order of the message. */
interface Asked {
  readonly key: string;
  readonly topic: Topic;
  channel: number | null;
}

const NOTHING: Snapshot = { state: "waiting", rows: [], silent: null, refusal: null };

export class Machine {
  readonly #watched = new Map<string, Watched>();
  /** Channels that rows are taken of. */
  #channels = new Map<number, string>();
  /** Every channel of this connection, also those that were given up: what is on its way of them is ignored. */
  #names = new Map<number, string>();
  #givenUp = new Set<number>();
  /** The topics of each `subscribe` that has no answer yet, also those that nobody watches any more. */
  #requests = new Map<string, Asked[]>();
  #have: Position | null = null;
  #held: Positioned[] = [];
  #connected = false;
  #lastId = 0;
  #steps = 0;
  #touched = new Set<string>();

  /** Whether anything is watched that is not refused. */
  get isWanted(): boolean {
    return [...this.#watched.values()].some((watched) => watched.state !== "refused");
  }

  /** Whether topics are answered: beats come then. */
  get isLive(): boolean {
    return this.#channels.size > 0;
  }

  /** How many steps were applied so far: while topics are live, this grows every few seconds. */
  get steps(): number {
    return this.#steps;
  }

  /** What is known of a topic; the same object until it changes. */
  snapshot(key: string): Snapshot {
    const watched = this.#watched.get(key);
    if (!watched) return NOTHING;
    watched.snapshot ??= snapshotOf(watched);
    return watched.snapshot;
  }

  /** Topics that are watched from here on. */
  watch(topics: readonly Topic[]): Effect[] {
    for (const topic of topics) {
      const key = keyOf(topic);
      if (this.#watched.has(key)) continue;
      this.#watched.set(key, { topic, state: "new", rows: new Map(), at: null, silent: null, refusal: null, snapshot: null });
    }
    return this.#connected ? this.#subscribe() : [];
  }

  /** Topics that nobody watches any more. One whose `subscribe` is not answered yet is given up when it is. */
  unwatch(keys: Iterable<string>): Effect[] {
    const ended = [...keys].filter((key) => this.#watched.delete(key));
    const channels: number[] = [];
    for (const [channel, key] of this.#channels) {
      if (ended.includes(key)) channels.push(channel);
    }
    return this.#giveUp(channels);
  }

  /** The connection is open. */
  opened(): Effect[] {
    this.#connected = true;
    return this.#subscribe();
  }

  /** The connection is gone. What was shown is kept, to be resumed. */
  closed(): Effect[] {
    this.#connected = false;
    this.#channels = new Map();
    this.#names = new Map();
    this.#givenUp = new Set();
    this.#requests = new Map();
    this.#held = [];
    for (const [key, watched] of this.#watched) {
      if (watched.state === "refused") continue;
      watched.state = "new";
      watched.silent = null;
      this.#touch(key);
    }
    return this.#told([]);
  }

  /**
   * Drops how far everything reaches, so that the next connection begins with snapshots. For a server that began anew, whose every frame would be an old one.
   * What is shown stays until then.
   */
  forget(): void {
    this.#have = null;
    for (const watched of this.#watched.values()) watched.at = null;
  }

  /** Asks again for what was refused for the moment. */
  retry(): Effect[] {
    for (const [key, watched] of this.#watched) {
      if (watched.state !== "postponed") continue;
      watched.state = "new";
      this.#touch(key);
    }
    return this.#told(this.#connected ? this.#subscribe() : []);
  }

  /** Asks anew for what was refused for good, as after a KPI was defined. */
  forgive(keys: Iterable<string>): Effect[] {
    for (const key of keys) {
      const watched = this.#watched.get(key);
      if (watched?.state !== "refused") continue;
      watched.state = "new";
      watched.refusal = null;
      this.#touch(key);
    }
    return this.#told(this.#connected ? this.#subscribe() : []);
  }

  /** A frame has come. */
  receive(frame: Frame): Effect[] {
    switch (frame.type) {
      case "error":
        return this.#told(this.#refused(frame));
      case "subscribed":
      case "update":
      case "resync":
      case "beat":
        return this.#told(this.#step(frame));
      default:
        return [];
    }
  }

  #step(frame: Positioned): Effect[] {
    const { epoch, seq, prev } = frame;
    // Old.
    if (isOld(frame, this.#have) || isOld({ epoch, seq: seq + 1 }, this.#held[0] ?? null)) return [];
    // Parts.
    const part = frame.part ?? 1;
    if (part === 1) {
      this.#held = [];
    } else if (this.#held.length + 1 !== part || this.#held.some((held) => held.epoch !== epoch || held.seq !== seq)) {
      return this.#hole(`part ${part} does not follow`);
    }
    this.#held.push(frame);
    if (part < (frame.parts ?? 1)) return [];
    // Hole.
    const isKnown = this.#have !== null && this.#have.epoch === epoch && prev !== null && prev <= this.#have.seq;
    if (prev !== null && !isKnown) return this.#hole(`there is nothing of ${epoch}/${prev}`);
    // Apply.
    const step = this.#held;
    this.#held = [];
    const effects = step.flatMap((held) => this.#apply(held));
    this.#have = { epoch, seq };
    this.#steps += 1;
    for (const key of this.#channels.values()) {
      const watched = this.#watched.get(key);
      if (watched) watched.at = this.#have;
    }
    return effects;
  }

  #hole(why: string): Effect[] {
    this.#held = [];
    return [{ do: "reconnect", why }];
  }

  #apply(frame: Positioned): Effect[] {
    switch (frame.type) {
      case "subscribed": {
        const ended = frame.topics.filter((topic) => !this.#list(topic, frame.resumed, frame.id ?? null));
        this.#rows(frame.rows);
        return this.#giveUp(ended.map((topic) => topic.channel));
      }
      case "resync": {
        if ((frame.part ?? 1) === 1) this.#void();
        const ended = frame.topics.filter((topic) => !this.#list(topic, false, null));
        this.#rows(frame.rows);
        const isLast = (frame.part ?? 1) === (frame.parts ?? 1);
        // What was live and is not listed is nobody's any more: it is asked for again.
        return [...this.#giveUp(ended.map((topic) => topic.channel)), ...(isLast ? this.#subscribe() : [])];
      }
      case "update":
        for (const { channel, why } of frame.silent ?? []) this.#hear(channel, why);
        this.#rows(frame.rows);
        return frame.time == null ? [] : [{ do: "beat", time: frame.time, watermark: frame.watermark ?? {} }];
      case "beat":
        return [{ do: "beat", time: frame.time, watermark: frame.watermark }];
    }
  }

  /** All channels from before end. */
  #void(): void {
    for (const key of this.#channels.values()) {
      const watched = this.#watched.get(key);
      if (!watched) continue;
      watched.state = "new";
      watched.rows = new Map();
      watched.at = null;
      watched.silent = null;
      this.#touch(key);
    }
    this.#channels = new Map();
  }

  /** A topic that a frame lists; false when its channel is of no use. */
  #list(echo: TopicEcho, resumed: boolean, id: string | null): boolean {
    if (this.#givenUp.has(echo.channel)) return true;
    const key = this.#keyOf(echo, id);
    const watched = key === undefined ? undefined : this.#watched.get(key);
    if (key === undefined || !watched) return false;
    // Given up and watched anew while the answer was on its way, so that it is asked for twice. One of the channels will do, and only one whose rows are all that
    // there are, or that are put on top of what is there.
    const taken = [...this.#channels].some(([channel, other]) => other === key && channel !== echo.channel);
    if (taken || (resumed && watched.at === null)) return false;
    if (!resumed) watched.rows = new Map();
    watched.state = "live";
    watched.refusal = null;
    watched.silent = echo.silent ?? null;
    this.#channels.set(echo.channel, key);
    this.#touch(key);
    return true;
  }

  /** The topic that is meant. A `resync` may be the first to name the channels of any `subscribe`. */
  #keyOf(echo: TopicEcho, id: string | null): string | undefined {
    const known = this.#names.get(echo.channel);
    if (known !== undefined) return known;
    const requests = id === null ? [...this.#requests.values()] : [this.#requests.get(id) ?? []];
    const asked = requests.flat().find((each) => each.channel === null && isEchoOf(echo, each.topic));
    if (!asked) return undefined;
    asked.channel = echo.channel;
    this.#names.set(echo.channel, asked.key);
    for (const [request, topics] of this.#requests) {
      if (topics.every((each) => each.channel !== null)) this.#requests.delete(request);
    }
    return asked.key;
  }

  #hear(channel: number, why: Silence | null): void {
    const key = this.#channels.get(channel);
    const watched = key === undefined ? undefined : this.#watched.get(key);
    if (key === undefined || !watched) return;
    watched.silent = why;
    this.#touch(key);
  }

  #rows(rows: Extract<Frame, { type: "update" }>["rows"]): void {
    const full = new Map<string, Watched>();
    for (const [channel, bucket, value, facts, closed] of rows as readonly WireRow[]) {
      const key = this.#channels.get(channel);
      const watched = key === undefined ? undefined : this.#watched.get(key);
      if (key === undefined || !watched) continue;
      watched.rows.set(bucket, { bucket, value, facts, closed: closed === 1 });
      full.set(key, watched);
    }
    for (const [key, watched] of full) {
      trim(watched);
      this.#touch(key);
    }
  }

  #refused(frame: Extract<Frame, { type: "error" }>): Effect[] {
    const id = frame.id ?? null;
    const keys = (id === null ? undefined : this.#requests.get(id))?.map((asked) => asked.key);
    if (id === null || keys === undefined) return [];
    this.#requests.delete(id);
    const passing = PASSING.includes(frame.problem);
    const refusal: Refusal = { kind: frame.problem, title: frame.title, detail: frame.detail, ...(frame.hint != null ? { hint: frame.hint } : {}) };
    // A message is refused as a whole. Where it says which topic was wrong, the others are asked for again.
    const wrong = passing ? undefined : /^\/topics\/(\d+)/.exec(frame.pointer ?? "")?.[1];
    const guilty = wrong === undefined ? keys : keys.slice(Number(wrong), Number(wrong) + 1);
    for (const key of keys) {
      const watched = this.#watched.get(key);
      if (watched?.state !== "asked") continue;
      if (!guilty.includes(key)) watched.state = "new";
      else {
        watched.state = passing ? "postponed" : "refused";
        watched.refusal = refusal;
      }
      this.#touch(key);
    }
    if (passing) return [{ do: "retry" }];
    return guilty.length < keys.length ? this.#subscribe() : [];
  }

  /** Asks for all topics that nothing is asked of yet. One `resume` speaks for all topics of its message, so each message has those that reach equally far. */
  #subscribe(): Effect[] {
    const groups = new Map<string, { at: Position | null; keys: string[] }>();
    for (const [key, watched] of this.#watched) {
      if (watched.state !== "new") continue;
      const at = watched.at;
      const name = at === null ? "" : `${at.epoch}/${at.seq}`;
      const group = groups.get(name) ?? { at, keys: [] };
      group.keys.push(key);
      groups.set(name, group);
    }
    return [...groups.values()].flatMap(({ at, keys }) => this.#messages(keys).map((part) => this.#ask(part, at)));
  }

  #messages(keys: readonly string[]): string[][] {
    const messages: string[][] = [];
    let bytes = 0;
    for (const key of keys) {
      const last = messages.at(-1);
      if (last && last.length < TOPICS_PER_MESSAGE && bytes + key.length * 2 <= MESSAGE_BYTES) last.push(key);
      else {
        messages.push([key]);
        bytes = 0;
      }
      // A topic's request is about as long as its key; twice that has room for letters of several bytes.
      bytes += key.length * 2;
    }
    return messages;
  }

  #ask(keys: readonly string[], at: Position | null): Effect {
    this.#lastId += 1;
    const id = String(this.#lastId);
    const watched = keys.flatMap((key) => this.#watched.get(key) ?? []);
    for (const each of watched) each.state = "asked";
    this.#requests.set(
      id,
      keys.flatMap((key) => {
        const topic = this.#watched.get(key)?.topic;
        return topic ? [{ key, topic, channel: null }] : [];
      }),
    );
    const topics = watched.map((each) => request(each.topic));
    return { do: "send", text: JSON.stringify({ action: "subscribe", id, topics, ...(at ? { resume: at } : {}) }) };
  }

  #giveUp(channels: readonly number[]): Effect[] {
    if (channels.length === 0) return [];
    for (const channel of channels) {
      this.#channels.delete(channel);
      this.#givenUp.add(channel);
    }
    this.#lastId += 1;
    return this.#connected ? [{ do: "send", text: JSON.stringify({ action: "unsubscribe", id: String(this.#lastId), channels }) }] : [];
  }

  #touch(key: string): void {
    const watched = this.#watched.get(key);
    if (watched) watched.snapshot = null;
    this.#touched.add(key);
  }

  #told(effects: Effect[]): Effect[] {
    if (this.#touched.size === 0) return effects;
    const keys = this.#touched;
    this.#touched = new Set();
    return [...effects, { do: "tell", keys }];
  }
}

type WireRow = readonly [channel: number, bucket: number, value: number | string | null, facts: number, closed?: 1];

/** Whether a position is not above another one. */
function isOld(position: Position, have: Position | null): boolean {
  if (have === null) return false;
  return position.epoch < have.epoch || (position.epoch === have.epoch && position.seq <= have.seq);
}

/** Only the newest buckets are shown; the rest would grow for as long as a page is open. */
function trim(watched: Watched): void {
  const limit = watched.topic.buckets ?? 1;
  if (watched.rows.size <= limit) return;
  const kept = [...watched.rows.values()].sort((one, other) => one.bucket - other.bucket).slice(-limit);
  watched.rows = new Map(kept.map((row) => [row.bucket, row]));
}

function snapshotOf({ state, rows, at, silent, refusal }: Watched): Snapshot {
  const shown = [...rows.values()].sort((one, other) => one.bucket - other.bucket);
  const known = at === null ? "waiting" : "held";
  return { state: state === "live" || state === "refused" ? state : known, rows: shown, silent, refusal };
}
