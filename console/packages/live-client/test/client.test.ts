import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveClient, type Socket, type State, type Topic } from "../src/index.ts";
import { DEAD_MS, HANDSHAKE_MS, IDLE_MS, REFUSED_MS, RETRY_FIRST_MS, RETRY_LAST_MS, SETTLED_MS, STALE_MS } from "../src/limits.ts";

const FLIGHTS: Topic = { kpi: "FLIGHTS", period: "minute" };
const DELAY: Topic = { kpi: "DELAY", period: "minute" };

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  sent: Record<string, unknown>[] = [];
  closed = false;
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }
  receive(frame: Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

let sockets: FakeSocket[];
let tokens: boolean[];
let token: string | null;
let client: LiveClient;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  tokens = [];
  token = "T";
  client = new LiveClient({
    url: "ws://here/live",
    random: () => 1,
    token: async (refused) => {
      tokens.push(refused);
      return token;
    },
    connect: (url) => {
      const socket = new FakeSocket(url);
      sockets.push(socket);
      return socket;
    },
  });
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(0);
const last = () => sockets.at(-1) as FakeSocket;
const state = (): State => client.status.state;

function answer(seq: number, kpis: string[] = ["FLIGHTS"], id = "1"): void {
  const topics = kpis.map((kpi, index) => ({ channel: index + 1, kpi, period: "minute", filter: {}, mode: "live", buckets: 1 }));
  last().receive({ type: "subscribed", epoch: 1, seq, prev: null, id, resumed: false, topics, rows: topics.map((topic) => [topic.channel, 60, seq, 1]) });
}

function beat(seq: number, prev: number): void {
  last().receive({ type: "beat", epoch: 1, seq, prev, time: "2026-11-21T05:28:17Z", watermark: { Flight: "2026-11-21T05:28:16Z" } });
}

async function live(): Promise<void> {
  client.watch(FLIGHTS, () => {});
  await settle();
  last().onopen?.();
  answer(5);
}

describe("a client", () => {
  it("does nothing until something is watched", async () => {
    await settle();
    expect(sockets).toEqual([]);
    expect(state()).toBe("idle");
  });

  it("has one connection and one message for what a page watches in one go", async () => {
    client.watch(FLIGHTS, () => {});
    client.watch(FLIGHTS, () => {});
    client.watch(DELAY, () => {});
    await settle();
    expect(state()).toBe("connecting");
    last().onopen?.();
    expect(last().url).toBe("ws://here/live?token=T");
    expect(last().sent).toMatchObject([{ action: "subscribe", topics: [{ kpi: "FLIGHTS" }, { kpi: "DELAY" }] }]);
    expect(state()).toBe("connecting");
    answer(5, ["FLIGHTS", "DELAY"]);
    expect(state()).toBe("live");
    expect(sockets).toHaveLength(1);
  });

  it("tells of a change to those who watch it, and to nobody else", async () => {
    const told: string[] = [];
    client.watch(FLIGHTS, () => told.push("flights"));
    const stop = client.watch(DELAY, () => told.push("delay"));
    await settle();
    last().onopen?.();
    answer(5, ["FLIGHTS", "DELAY"]);
    told.length = 0;
    last().receive({ type: "update", epoch: 1, seq: 6, prev: 5, rows: [[1, 60, 6, 1]] });
    expect(told).toEqual(["flights"]);
    stop();
    await settle();
    expect(last().sent.at(-1)).toMatchObject({ action: "unsubscribe", channels: [2] });
  });

  it("sends nothing for what is given up and watched again in one go, as a page that is drawn anew does", async () => {
    await live();
    const before = last().sent.length;
    const stop = client.watch(DELAY, () => {});
    stop();
    const flights = client.watch(FLIGHTS, () => {});
    flights();
    await settle();
    expect(last().sent).toHaveLength(before);
  });

  it("knows how old what it shows is", async () => {
    await live();
    beat(6, 5);
    expect(client.status).toMatchObject({ asOf: Date.parse("2026-11-21T05:28:17Z"), watermark: { Flight: "2026-11-21T05:28:16Z" } });
  });

  it("is stale when beats are missing, connects again when they stay away, and resumes", async () => {
    await live();
    await vi.advanceTimersByTimeAsync(STALE_MS);
    expect(state()).toBe("stale");
    beat(6, 5);
    expect(state()).toBe("live");
    await vi.advanceTimersByTimeAsync(DEAD_MS);
    expect(state()).toBe("reconnecting");
    expect(last().closed).toBe(true);
    await vi.advanceTimersByTimeAsync(RETRY_LAST_MS);
    last().onopen?.();
    expect(last().sent).toMatchObject([{ topics: [{ kpi: "FLIGHTS" }], resume: { epoch: 1, seq: 6 } }]);
    expect(client.snapshot(FLIGHTS)).toMatchObject({ state: "held", rows: [{ value: 5 }] });
    expect(state()).toBe("reconnecting");
  });

  it("connects at once after a hole, and later after each failure", async () => {
    await live();
    await vi.advanceTimersByTimeAsync(SETTLED_MS);
    last().receive({ type: "update", epoch: 1, seq: 9, prev: 8, rows: [] });
    await settle();
    expect(sockets).toHaveLength(2);
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      last().onclose?.();
      pauses.push((client.status.retryAt as number) - Date.now());
      await vi.advanceTimersByTimeAsync(pauses.at(-1) as number);
    }
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
    expect(tokens.slice(2)).toEqual(Array(9).fill(true));
  });

  it("does not run from one hole into the next", async () => {
    await live();
    last().receive({ type: "update", epoch: 1, seq: 9, prev: 8, rows: [] });
    await settle();
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(RETRY_FIRST_MS);
    expect(sockets).toHaveLength(2);
  });

  it("begins with the short pause again after a good while", async () => {
    await live();
    for (let attempt = 0; attempt < 4; attempt += 1) {
      last().onclose?.();
      await vi.advanceTimersByTimeAsync(RETRY_LAST_MS);
    }
    last().onopen?.();
    answer(6, ["FLIGHTS"], "2");
    await vi.advanceTimersByTimeAsync(6_000);
    last().onclose?.();
    expect((client.status.retryAt as number) - Date.now()).toBe(250);
  });

  it("gives up a handshake that takes too long", async () => {
    client.watch(FLIGHTS, () => {});
    await settle();
    await vi.advanceTimersByTimeAsync(HANDSHAKE_MS);
    expect(last().closed).toBe(true);
    await vi.advanceTimersByTimeAsync(RETRY_FIRST_MS);
    expect(sockets).toHaveLength(2);
  });

  it("stops when nobody is signed in, and goes on when it is woken", async () => {
    token = null;
    client.watch(FLIGHTS, () => {});
    await vi.advanceTimersByTimeAsync(60_000);
    expect(state()).toBe("signed-out");
    expect(tokens).toHaveLength(1);
    token = "T";
    client.wake();
    await settle();
    last().onopen?.();
    answer(5);
    expect(state()).toBe("live");
  });

  it("does not wait when the network is back", async () => {
    await live();
    client.lost();
    expect(state()).toBe("reconnecting");
    client.wake();
    await settle();
    expect(sockets).toHaveLength(2);
    last().onopen?.();
    expect(last().sent).toMatchObject([{ resume: { epoch: 1, seq: 5 } }]);
  });

  it("listens to no connection of before", async () => {
    await live();
    const before = last();
    const hear = before.onmessage;
    before.onclose?.();
    await vi.advanceTimersByTimeAsync(RETRY_LAST_MS);
    hear?.({ data: JSON.stringify({ type: "update", epoch: 1, seq: 6, prev: 5, rows: [[1, 60, 99, 1]] }) });
    expect(client.snapshot(FLIGHTS).rows[0]?.value).toBe(5);
  });

  it("asks again a while after what was refused for the moment", async () => {
    client.watch(FLIGHTS, () => {});
    await settle();
    last().onopen?.();
    last().receive({ type: "error", id: "1", problem: "unavailable", title: "t", detail: "d" });
    expect(last().sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(REFUSED_MS);
    expect(last().sent).toHaveLength(2);
  });

  it("begins anew with a server that does", async () => {
    await live();
    last().onclose?.();
    await vi.advanceTimersByTimeAsync(RETRY_LAST_MS);
    last().onopen?.();
    last().receive({ type: "subscribed", epoch: 0, seq: 1, prev: null, id: "2", resumed: false, topics: [], rows: [] });
    await vi.advanceTimersByTimeAsync(DEAD_MS + RETRY_LAST_MS);
    last().onopen?.();
    expect(last().sent[0]).not.toHaveProperty("resume");
  });

  it("lets go of a connection without topics", async () => {
    const stop = client.watch(FLIGHTS, () => {});
    await settle();
    last().onopen?.();
    answer(5);
    stop();
    await vi.advanceTimersByTimeAsync(IDLE_MS - 1);
    expect(last().closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(last().closed).toBe(true);
    expect(state()).toBe("idle");
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "3"],
    ["no text", new ArrayBuffer(1)],
  ])("passes over a message that is %s", async (_, data) => {
    await live();
    last().onmessage?.({ data });
    expect(state()).toBe("live");
  });
});
