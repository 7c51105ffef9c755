// A publisher as the protocol's documentation has it, with every failure that its own model has (shared/live/src/publisher/model.rs), small enough to be believed.
import type { Frame, Topic } from "../src/index.ts";

export interface Fact {
  value: number;
  changed: number;
}

type Rows = Map<number, Fact>;
type Loose = Record<string, unknown>;

interface Channel {
  topic: Topic;
  answered: boolean;
}

interface Request {
  id: string;
  resume: { epoch: number; seq: number } | null;
  channels: number[];
}

/** What becomes of the frames of a tick. */
export type Post = "arrives" | "doubted" | "in part" | "late" | "fails" | "vanishes";

export class Server {
  epoch = 1;
  seq = 1;
  readonly kpis = new Map<string, Rows>();
  /** What every KPI was after each tick. */
  readonly history = new Map<string, Map<string, Map<number, number>>>();
  #connection: Connection | null = null;

  change(kpi: string, bucket: number, value: number): void {
    const rows = this.kpis.get(kpi) ?? new Map<number, Fact>();
    rows.set(bucket, { value, changed: this.seq });
    this.kpis.set(kpi, rows);
  }

  connect(): Connection {
    this.#connection = new Connection(this);
    return this.#connection;
  }

  /** Vanishes, and comes back without knowing what was sent. */
  crash(): void {
    this.epoch += 1;
    this.seq = 1;
    for (const rows of this.kpis.values()) for (const fact of rows.values()) fact.changed = 0;
    this.#connection?.restarted();
  }

  /** One turn: the frames that it has for the connection. */
  tick(split: () => boolean, beats: boolean): Frame[] {
    const seen = new Map([...this.kpis].map(([kpi, rows]) => [kpi, new Map([...rows].map(([bucket, fact]) => [bucket, fact.value]))]));
    this.history.set(`${this.epoch}/${this.seq}`, seen);
    const frames = this.#connection?.compose(split, beats) ?? [];
    this.seq += 1;
    return frames;
  }

  newest(topic: Topic): [number, Fact][] {
    const rows = [...(this.kpis.get(topic.kpi) ?? [])].sort(([one], [other]) => one - other);
    return rows.slice(-(topic.buckets ?? 1));
  }
}

export class Connection {
  readonly #server: Server;
  #channels = new Map<number, Channel>();
  #requests: Request[] = [];
  #last = 0;
  #sent: number | null = null;
  #resync = false;

  constructor(server: Server) {
    this.#server = server;
  }

  take(text: string): void {
    const message = JSON.parse(text) as { action: string; id: string; topics: Topic[]; channels: number[]; resume?: Request["resume"] };
    if (message.action === "unsubscribe") {
      for (const channel of message.channels) this.#channels.delete(channel);
      return;
    }
    const channels = message.topics.map((topic) => {
      this.#last += 1;
      this.#channels.set(this.#last, { topic, answered: false });
      return this.#last;
    });
    this.#requests.push({ id: message.id, resume: message.resume ?? null, channels });
  }

  restarted(): void {
    this.#sent = null;
    this.#resync = [...this.#channels.values()].some((channel) => channel.answered);
    for (const request of this.#requests) request.resume = null;
  }

  compose(split: () => boolean, beats: boolean): Frame[] {
    const { epoch, seq } = this.#server;
    const prev = this.#resync ? null : this.#sent;
    const answered = [...this.#channels].filter(([, channel]) => channel.answered);
    const frames: Loose[] = [];
    if (this.#resync) {
      frames.push(...this.#pieces({ type: "resync", reason: "restarted" }, answered, () => true, split));
    } else if (prev !== null) {
      const rows = answered.flatMap(([number, channel]) => this.#rows(number, channel, (fact) => fact.changed > prev));
      if (rows.length > 0) frames.push({ type: "update", rows });
      else if (beats) frames.push({ type: "beat", time: "2026-11-21T04:58:28Z", watermark: {} });
    }
    for (const { id, resume, channels } of this.#requests) {
      const resumed = resume !== null && resume.epoch === epoch;
      const topics = channels.flatMap((number): [number, Channel][] => {
        const channel = this.#channels.get(number);
        return channel ? [[number, channel]] : [];
      });
      frames.push(...this.#pieces({ type: "subscribed", id, resumed }, topics, (fact) => !resumed || fact.changed > (resume?.seq ?? 0), split));
    }
    const parts = frames.length;
    return frames.map((frame, index) => ({ ...frame, epoch, seq, prev, ...(parts > 1 ? { part: index + 1, parts } : {}) }) as unknown as Frame);
  }

  /** The frames of this tick are known to have arrived. */
  delivered(): void {
    this.#sent = this.#server.seq - 1;
    this.#resync = false;
    for (const request of this.#requests) {
      for (const number of request.channels) {
        const channel = this.#channels.get(number);
        if (channel) channel.answered = true;
      }
    }
    this.#requests = [];
  }

  #pieces(head: Loose, topics: [number, Channel][], wanted: (fact: Fact) => boolean, split: () => boolean): Loose[] {
    const pieces: Loose[] = [];
    let piece = { ...head, topics: [] as Loose[], rows: [] as unknown[] };
    for (const [number, channel] of topics) {
      if (piece.topics.length > 0 && split()) {
        pieces.push(piece);
        piece = { ...head, topics: [], rows: [] };
      }
      const { kpi, period, buckets } = channel.topic;
      piece.topics.push({ channel: number, kpi, period, filter: {}, mode: "live", buckets: buckets ?? 1 });
      piece.rows.push(...this.#rows(number, channel, wanted));
    }
    return [...pieces, piece];
  }

  #rows(number: number, channel: Channel, wanted: (fact: Fact) => boolean): unknown[] {
    return this.#server.newest(channel.topic).flatMap(([bucket, fact]) => (wanted(fact) ? [[number, bucket, fact.value, 1]] : []));
  }
}
