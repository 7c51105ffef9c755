import { expect, it } from "vitest";
import { type Frame, keyOf, Machine, type Topic } from "../src/index.ts";
import { type Connection, type Post, Server } from "./server.ts";

const HISTORIES = 6000;
const STEPS = 80;
const TOPICS: Topic[] = [
  { kpi: "A", period: "minute", buckets: 1 },
  { kpi: "A", period: "minute", buckets: 3 },
  { kpi: "B", period: "minute", buckets: 3 },
  { kpi: "C", period: "minute", buckets: 8 },
];
const POSTS: Post[] = ["arrives", "arrives", "arrives", "arrives", "doubted", "in part", "late", "fails", "vanishes"];

/** The same numbers for the same seed: what fails fails again. */
function generator(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.abs(state) % below;
  };
}

/** A client and a server, and a network that does whatever networks do. */
class World {
  readonly machine = new Machine();
  readonly server = new Server();
  readonly draw: (below: number) => number;
  connection: Connection | null = null;
  late: Frame[] = [];
  /** Messages on their way to the server. */
  outbox: string[] = [];
  watched = new Set<Topic>();
  at = "";

  constructor(seed: number) {
    this.draw = generator(seed);
  }

  happen(): void {
    const what = this.draw(23);
    if (what < 6) this.server.change("ABC"[this.draw(3)] as string, this.draw(6), this.draw(100));
    else if (what < 13) this.tick(POSTS[this.draw(POSTS.length)] as Post);
    else if (what < 15) this.watch(TOPICS[this.draw(TOPICS.length)] as Topic);
    else if (what < 16) this.unwatch(TOPICS[this.draw(TOPICS.length)] as Topic);
    else if (what < 17) this.leave();
    else if (what < 18) this.crash();
    else if (what < 19) this.arriveLate();
    else if (what < 22) this.deliver(1 + this.draw(3));
    else this.connect();
  }

  connect(): void {
    if (this.connection) return;
    this.connection = this.server.connect();
    this.act(this.machine.opened());
  }

  /** While the publisher is away, facts are deleted too. */
  crash(): void {
    this.server.crash();
    this.server.kpis.get("ABC"[this.draw(3)] as string)?.delete(this.draw(6));
  }

  leave(): void {
    if (!this.connection) return;
    this.connection = null;
    this.late = [];
    this.outbox = [];
    this.machine.closed();
  }

  watch(topic: Topic): void {
    this.watched.add(topic);
    this.act(this.machine.watch([topic]));
  }

  unwatch(topic: Topic): void {
    this.watched.delete(topic);
    this.act(this.machine.unwatch([keyOf(topic)]));
  }

  tick(post: Post): void {
    const connection = this.connection;
    const frames = this.server.tick(() => this.draw(2) === 0, true);
    if (!connection || frames.length === 0) return;
    if (post === "arrives" || post === "vanishes") connection.delivered();
    if (post === "late") this.late.push(...frames);
    const arriving = post === "in part" ? frames.slice(0, 1) : post === "arrives" || post === "doubted" ? frames : [];
    for (const frame of arriving) this.receive(frame);
  }

  deliver(most: number): void {
    for (const text of this.outbox.splice(0, most)) this.connection?.take(text);
  }

  arriveLate(): void {
    const frames = this.late;
    this.late = [];
    for (const frame of frames) this.receive(frame);
  }

  receive(frame: Frame): void {
    if (!this.connection) return;
    const before = this.machine.steps;
    const effects = this.machine.receive(frame);
    if (this.machine.steps > before && "epoch" in frame) {
      this.at = `${frame.epoch}/${frame.seq}`;
      this.check();
    }
    this.act(effects);
  }

  act(effects: ReturnType<Machine["receive"]>): void {
    for (const effect of effects) {
      if (effect.do === "send") this.outbox.push(effect.text);
      if (effect.do === "reconnect") {
        this.leave();
        this.connect();
      }
    }
  }

  /** What is shown as live is what the server had in the tick that was applied last, all of it. */
  check(): void {
    const seen = this.server.history.get(this.at);
    for (const topic of this.watched) {
      const { state, rows } = this.machine.snapshot(keyOf(topic));
      if (state !== "live") continue;
      const expected = [...(seen?.get(topic.kpi) ?? [])].sort(([one], [other]) => one - other).slice(-(topic.buckets ?? 1));
      expect(rows.map((row) => [row.bucket, row.value])).toEqual(expected);
    }
  }

  calmDown(): void {
    this.connect();
    this.late = [];
    for (let turn = 0; turn < 6; turn += 1) {
      this.deliver(100);
      this.tick("arrives");
    }
    for (const topic of this.watched) expect(this.machine.snapshot(keyOf(topic)).state).toBe("live");
    this.check();
  }
}

it(`shows no hole without knowing it, in ${HISTORIES} histories`, () => {
  for (let seed = 1; seed <= HISTORIES; seed += 1) {
    const world = new World(seed);
    try {
      for (let step = 0; step < STEPS; step += 1) world.happen();
      world.calmDown();
    } catch (error) {
      throw new Error(`in history ${seed}`, { cause: error });
    }
  }
});
