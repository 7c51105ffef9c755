import { describe, expect, it } from "vitest";
import { type Effect, type Frame, keyOf, Machine, type Topic } from "../src/index.ts";

const FLIGHTS: Topic = { kpi: "FLIGHTS", period: "minute", buckets: 3 };
const DELAY: Topic = { kpi: "DELAY", period: "hour" };

type Loose = Record<string, unknown>;

function connected(...topics: Topic[]): { machine: Machine; sent: Loose[] } {
  const machine = new Machine();
  machine.watch(topics);
  return { machine, sent: sent(machine.opened()) };
}

function sent(effects: readonly Effect[]): Loose[] {
  return effects.flatMap((effect) => (effect.do === "send" ? [JSON.parse(effect.text) as Loose] : []));
}

function kinds(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.do).filter((kind) => kind !== "tell");
}

function frame(fields: Loose): Frame {
  return fields as Frame;
}

function echo(channel: number, topic: Topic): Loose {
  return { channel, kpi: topic.kpi, period: topic.period, filter: topic.filter ?? {}, mode: "live", buckets: topic.buckets ?? 1 };
}

function subscribed(seq: number, topics: Loose[], rows: unknown[], more: Loose = {}): Frame {
  return frame({ type: "subscribed", epoch: 1, seq, prev: null, id: "1", resumed: false, topics, rows, ...more });
}

function update(seq: number, prev: number | null, rows: unknown[], more: Loose = {}): Frame {
  return frame({ type: "update", epoch: 1, seq, prev, rows, ...more });
}

function values(machine: Machine, topic: Topic): unknown[] {
  return machine.snapshot(keyOf(topic)).rows.map((row) => row.value);
}

/** Watches FLIGHTS and has one row of it, at 1/5. */
function live(): Machine {
  const { machine } = connected(FLIGHTS);
  machine.receive(subscribed(5, [echo(1, FLIGHTS)], [[1, 60, 7, 7]]));
  return machine;
}

describe("a machine that is connected", () => {
  it("asks for what is watched and takes the snapshot", () => {
    const { machine, sent } = connected(FLIGHTS, DELAY);
    expect(sent).toEqual([
      {
        action: "subscribe",
        id: "1",
        topics: [
          { kpi: "FLIGHTS", period: "minute", buckets: 3 },
          { kpi: "DELAY", period: "hour", buckets: 1 },
        ],
      },
    ]);
    expect(machine.snapshot(keyOf(FLIGHTS)).state).toBe("waiting");
    machine.receive(
      subscribed(
        5,
        [echo(1, FLIGHTS), echo(2, DELAY)],
        [
          [1, 60, 7, 7, 1],
          [1, 120, null, 0],
          [2, 0, "9007199254740993", 2],
        ],
      ),
    );
    expect(machine.snapshot(keyOf(FLIGHTS))).toEqual({
      state: "live",
      rows: [
        { bucket: 60, value: 7, facts: 7, closed: true },
        { bucket: 120, value: null, facts: 0, closed: false },
      ],
      silent: null,
      refusal: null,
    });
    expect(values(machine, DELAY)).toEqual(["9007199254740993"]);
  });

  it.each<[string, Frame[], unknown[], string[]]>([
    ["the next update", [update(6, 5, [[1, 60, 8, 8]])], [8], []],
    ["an update that skips turns, with nothing between", [update(9, 5, [[1, 60, 8, 8]])], [8], []],
    ["an update whose prev lies before", [update(9, 3, [[1, 60, 8, 8]])], [8], []],
    ["a late repeat", [update(5, 4, [[1, 60, 1, 1]])], [7], []],
    ["an older frame", [update(4, 3, [[1, 60, 1, 1]])], [7], []],
    ["a frame of an earlier epoch", [update(9, 5, [[1, 60, 1, 1]], { epoch: 0 })], [7], []],
    ["a hole", [update(8, 6, [[1, 60, 1, 1]])], [7], ["reconnect"]],
    ["a prev in an epoch that is not known", [update(1, 0, [[1, 60, 1, 1]], { epoch: 2 })], [7], ["reconnect"]],
    ["rows of a channel that is not known", [update(6, 5, [[9, 60, 1, 1]])], [7], []],
    ["a second bucket", [update(6, 5, [[1, 120, 8, 8]])], [7, 8], []],
    [
      "more buckets than are wanted",
      [
        update(6, 5, [
          [1, 120, 8, 8],
          [1, 180, 9, 9],
          [1, 240, 10, 10],
        ]),
      ],
      [8, 9, 10],
      [],
    ],
    ["parts in order", [update(6, 5, [[1, 60, 8, 8]], { part: 1, parts: 2 }), update(6, 5, [[1, 120, 9, 9]], { part: 2, parts: 2 })], [8, 9], []],
    ["a part that waits for the next", [update(6, 5, [[1, 60, 8, 8]], { part: 1, parts: 2 })], [7], []],
    ["a part that was lost", [update(6, 5, [[1, 60, 8, 8]], { part: 1, parts: 3 }), update(6, 5, [], { part: 3, parts: 3 })], [7], ["reconnect"]],
    ["a later part without the first", [update(6, 5, [[1, 60, 8, 8]], { part: 2, parts: 2 })], [7], ["reconnect"]],
    ["part 1 of a later step after an unfinished one", [update(6, 5, [[1, 60, 1, 1]], { part: 1, parts: 2 }), update(7, 5, [[1, 60, 9, 9]])], [9], []],
    [
      "a late part of a step before the unfinished one",
      [update(8, 5, [[1, 60, 9, 9]], { part: 1, parts: 2 }), update(7, 5, [[1, 60, 1, 1]]), update(8, 5, [], { part: 2, parts: 2 })],
      [9],
      [],
    ],
    ["a resync", [frame({ type: "resync", epoch: 2, seq: 1, prev: null, reason: "restarted", topics: [echo(1, FLIGHTS)], rows: [[1, 120, 3, 3]] })], [3], []],
    ["an error about nothing that was asked", [frame({ type: "error", problem: "invalid-field", title: "t", detail: "d" })], [7], []],
    ["a pong", [frame({ type: "pong", time: "2026-11-21T05:28:17Z" })], [7], []],
    ["a kind of frame of a later version", [frame({ type: "weather" })], [7], []],
  ])("receives %s", (_, frames, expected, effects) => {
    const machine = live();
    const done = frames.flatMap((each) => machine.receive(each));
    expect(values(machine, FLIGHTS)).toEqual(expected);
    expect(kinds(done)).toEqual(effects);
  });

  it("tells of a beat, also of an update that stands for one", () => {
    const machine = live();
    const told = { time: "2026-11-21T04:58:28Z", watermark: { Flight: "2026-11-21T04:58:27Z" } };
    expect(machine.receive(frame({ type: "beat", epoch: 1, seq: 6, prev: 5, ...told }))).toEqual([{ do: "beat", ...told }]);
    expect(machine.receive(update(7, 6, [], told))).toEqual([{ do: "beat", ...told }]);
  });

  it("keeps a snapshot the same object until it changes", () => {
    const machine = live();
    const before = machine.snapshot(keyOf(FLIGHTS));
    machine.receive(update(6, 5, []));
    expect(machine.snapshot(keyOf(FLIGHTS))).toBe(before);
    machine.receive(update(7, 6, [[1, 60, 8, 8]]));
    expect(machine.snapshot(keyOf(FLIGHTS))).not.toBe(before);
  });

  it("tells of silence and of its end", () => {
    const machine = live();
    machine.receive(update(6, 5, [], { silent: [{ channel: 1, why: "paused" }] }));
    expect(machine.snapshot(keyOf(FLIGHTS)).silent).toBe("paused");
    machine.receive(update(7, 6, [], { silent: [{ channel: 1, why: null }] }));
    expect(machine.snapshot(keyOf(FLIGHTS)).silent).toBeNull();
  });

  it("asks again for what a resync does not list", () => {
    const { machine } = connected(FLIGHTS, DELAY);
    machine.receive(subscribed(5, [echo(1, FLIGHTS), echo(2, DELAY)], []));
    const asked = sent(machine.receive(frame({ type: "resync", epoch: 1, seq: 6, prev: null, reason: "reloaded", topics: [echo(2, DELAY)], rows: [] })));
    expect(asked).toMatchObject([{ action: "subscribe", topics: [{ kpi: "FLIGHTS" }] }]);
    expect(asked[0]).not.toHaveProperty("resume");
  });
});

describe("topics that come and go", () => {
  it("gives up a channel and ignores what is on its way", () => {
    const machine = live();
    expect(sent(machine.unwatch([keyOf(FLIGHTS)]))).toMatchObject([{ action: "unsubscribe", channels: [1] }]);
    machine.receive(update(6, 5, [[1, 60, 8, 8]]));
    expect(values(machine, FLIGHTS)).toEqual([]);
  });

  it("gives up on arrival what was not answered yet", () => {
    const { machine } = connected(FLIGHTS);
    expect(machine.unwatch([keyOf(FLIGHTS)])).toEqual([]);
    expect(sent(machine.receive(subscribed(5, [echo(1, FLIGHTS)], [[1, 60, 7, 7]])))).toMatchObject([{ action: "unsubscribe", channels: [1] }]);
  });

  it("never puts what is only the rest on top of nothing", () => {
    const machine = live();
    machine.closed();
    machine.opened();
    machine.unwatch([keyOf(FLIGHTS)]);
    const asked = sent(machine.watch([FLIGHTS]));
    expect(asked[0]).not.toHaveProperty("resume");
    expect(sent(machine.receive(subscribed(9, [echo(1, FLIGHTS)], [[1, 120, 9, 9]], { id: "2", resumed: true })))).toMatchObject([
      { action: "unsubscribe", channels: [1] },
    ]);
    expect(values(machine, FLIGHTS)).toEqual([]);
    machine.receive(
      subscribed(
        10,
        [echo(2, FLIGHTS)],
        [
          [2, 60, 7, 7],
          [2, 120, 9, 9],
        ],
        { id: "3", prev: 9 },
      ),
    );
    expect(values(machine, FLIGHTS)).toEqual([7, 9]);
  });

  it("takes no channel back that it gave up, though a resync that was on its way lists it", () => {
    const machine = live();
    machine.unwatch([keyOf(FLIGHTS)]);
    machine.watch([FLIGHTS]);
    machine.receive(frame({ type: "resync", epoch: 2, seq: 1, prev: null, reason: "restarted", topics: [echo(1, FLIGHTS)], rows: [[1, 60, 7, 7]] }));
    expect(machine.snapshot(keyOf(FLIGHTS)).state).toBe("waiting");
    machine.receive(subscribed(2, [echo(2, FLIGHTS)], [[2, 60, 8, 8]], { id: "3", epoch: 2, prev: 1 }));
    expect(values(machine, FLIGHTS)).toEqual([8]);
  });

  it("keeps one channel of a topic that was asked for twice", () => {
    const { machine } = connected(FLIGHTS);
    machine.unwatch([keyOf(FLIGHTS)]);
    machine.watch([FLIGHTS]);
    machine.receive(subscribed(5, [echo(1, FLIGHTS)], [[1, 60, 7, 7]]));
    expect(sent(machine.receive(subscribed(6, [echo(2, FLIGHTS)], [[2, 60, 7, 7]], { id: "2", prev: 5 })))).toMatchObject([
      { action: "unsubscribe", channels: [2] },
    ]);
    machine.receive(update(7, 6, [[1, 60, 8, 8]]));
    expect(values(machine, FLIGHTS)).toEqual([8]);
  });

  it("shows nothing any more of what a snapshot does not have", () => {
    const machine = live();
    machine.receive(frame({ type: "resync", epoch: 2, seq: 1, prev: null, reason: "restarted", topics: [echo(1, FLIGHTS)], rows: [[1, 120, 3, 3]] }));
    expect(values(machine, FLIGHTS)).toEqual([3]);
    machine.closed();
    machine.opened();
    machine.receive(subscribed(1, [echo(1, FLIGHTS)], [], { id: "2", epoch: 3 }));
    expect(values(machine, FLIGHTS)).toEqual([]);
  });

  it("finds topics in the order of the message, also when fewer buckets are granted", () => {
    const [few, many]: Topic[] = [
      { ...FLIGHTS, buckets: 3 },
      { ...FLIGHTS, buckets: 60 },
    ] as [Topic, Topic];
    const { machine } = connected(many as Topic, few as Topic);
    machine.receive(
      subscribed(
        5,
        [
          { ...echo(1, FLIGHTS), buckets: 2 },
          { ...echo(2, FLIGHTS), buckets: 1 },
        ],
        [
          [1, 60, 1, 1],
          [2, 60, 2, 2],
        ],
      ),
    );
    expect(values(machine, many as Topic)).toEqual([1]);
    expect(values(machine, few as Topic)).toEqual([2]);
  });

  it("takes filters in whatever order for the same", () => {
    const one: Topic = { kpi: "A", period: "day", filter: { b: ["2", "1"], a: ["x"] } };
    expect(keyOf(one)).toBe(keyOf({ kpi: "A", period: "day", filter: { a: ["x"], b: ["1", "2"] } }));
    expect(keyOf(one)).not.toBe(keyOf({ kpi: "A", period: "day", filter: { a: ["x"], b: ["1"] } }));
  });

  it("sends many topics in several messages", () => {
    const topics = Array.from({ length: 250 }, (_, index): Topic => ({ kpi: `K${index}`, period: "minute" }));
    const { sent } = connected(...topics);
    expect(sent.map((message) => (message.topics as unknown[]).length)).toEqual([100, 100, 50]);
  });

  it("sends long filters in messages that the gateway takes", () => {
    const filter = { airport: Array.from({ length: 50 }, (_, index) => `${index}`.padStart(200, "é")) };
    const topics = Array.from({ length: 20 }, (_, index): Topic => ({ kpi: `K${index}`, period: "minute", filter }));
    const machine = new Machine();
    machine.watch(topics);
    const bytes = machine.opened().map((effect) => (effect.do === "send" ? new TextEncoder().encode(effect.text).length : 0));
    expect(Math.max(...bytes)).toBeLessThan(32 * 1024);
  });
});

describe("a refusal", () => {
  const refused = {
    type: "error",
    id: "1",
    problem: "unknown-kpi",
    title: "The KPI is unknown",
    detail: 'there is no KPI "X"',
    hint: "did you mean Y?",
    pointer: "/topics/1/kpi",
  };

  it("is of the topic that it names, and the others are asked for again", () => {
    const { machine } = connected(FLIGHTS, { kpi: "X", period: "day" }, DELAY);
    const again = sent(machine.receive(frame(refused)));
    expect(again).toMatchObject([{ topics: [{ kpi: "FLIGHTS" }, { kpi: "DELAY" }] }]);
    expect(machine.snapshot(keyOf({ kpi: "X", period: "day" }))).toMatchObject({ state: "refused", refusal: { kind: "unknown-kpi", hint: "did you mean Y?" } });
  });

  it("stays one after a break, until it is forgiven", () => {
    const topic: Topic = { kpi: "X", period: "day" };
    const { machine } = connected(topic);
    machine.receive(frame({ ...refused, pointer: "/topics/0/kpi" }));
    expect(machine.isWanted).toBe(false);
    machine.closed();
    expect(machine.opened()).toEqual([]);
    expect(sent(machine.forgive([keyOf(topic)]))).toMatchObject([{ topics: [{ kpi: "X" }] }]);
  });

  it("for the moment is tried again, with what there was", () => {
    const machine = live();
    machine.closed();
    machine.opened();
    const effects = machine.receive(frame({ type: "error", id: "2", problem: "unavailable", title: "t", detail: "d" }));
    expect(kinds(effects)).toEqual(["retry"]);
    expect(sent(machine.retry())).toMatchObject([{ topics: [{ kpi: "FLIGHTS" }], resume: { epoch: 1, seq: 5 } }]);
  });
});

describe("a break", () => {
  it("is resumed from what is had, new topics apart", () => {
    const machine = live();
    machine.receive(update(6, 5, [[1, 60, 8, 8]]));
    machine.closed();
    expect(machine.snapshot(keyOf(FLIGHTS))).toMatchObject({ state: "held", rows: [{ value: 8 }] });
    machine.watch([DELAY]);
    expect(sent(machine.opened())).toMatchObject([{ topics: [{ kpi: "FLIGHTS" }], resume: { epoch: 1, seq: 6 } }, { topics: [{ kpi: "DELAY" }] }]);
    machine.receive(subscribed(9, [echo(1, FLIGHTS)], [[1, 120, 9, 9]], { id: "2", resumed: true }));
    expect(values(machine, FLIGHTS)).toEqual([8, 9]);
  });

  it("brings the whole snapshot where the gap is not known any more", () => {
    const machine = live();
    machine.closed();
    machine.opened();
    machine.receive(subscribed(2, [echo(1, FLIGHTS)], [[1, 180, 1, 1]], { id: "2", epoch: 2 }));
    expect(values(machine, FLIGHTS)).toEqual([1]);
  });

  it("between an answer and the next keeps the position of the topic, not that of the connection", () => {
    const machine = live();
    machine.closed();
    machine.watch([DELAY]);
    machine.opened();
    // DELAY is answered, FLIGHTS is not, and the connection breaks again.
    machine.receive(subscribed(9, [echo(1, DELAY)], [[1, 0, 1, 1]], { id: "3" }));
    machine.closed();
    expect(sent(machine.opened())).toMatchObject([
      { topics: [{ kpi: "FLIGHTS" }], resume: { epoch: 1, seq: 5 } },
      { topics: [{ kpi: "DELAY" }], resume: { epoch: 1, seq: 9 } },
    ]);
  });

  it("with a server that began anew is begun anew", () => {
    const machine = live();
    machine.closed();
    machine.opened();
    machine.receive(subscribed(1, [echo(1, FLIGHTS)], [[1, 60, 1, 1]], { id: "2", epoch: 0 }));
    expect(values(machine, FLIGHTS)).toEqual([7]);
    machine.forget();
    machine.closed();
    expect(sent(machine.opened())[0]).not.toHaveProperty("resume");
    machine.receive(subscribed(1, [echo(1, FLIGHTS)], [[1, 60, 1, 1]], { id: "3", epoch: 0 }));
    expect(values(machine, FLIGHTS)).toEqual([1]);
  });
});
