import { LiveClient, type Socket, type Topic } from "@analytics-engine/live-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Client, until } from "./product.ts";

// A day, so that no bucket ends while a test runs, but for once a night.
const SALES: Topic = { kpi: "SALES", period: "day" };
const GONE: Topic = { kpi: "GONE", period: "day" };

let client: Client;
let live: LiveClient;
let sockets: WebSocket[];
let received: { type: string; resumed?: boolean }[];

beforeAll(async () => {
  client = await Client.create();
  sockets = [];
  received = [];
  live = new LiveClient({
    url: client.cloud.websocket,
    token: async () => client.token,
    connect: (url, protocol) => {
      const socket = new WebSocket(url, protocol);
      socket.addEventListener("message", (event) => received.push(JSON.parse(String(event.data))));
      sockets.push(socket);
      return socket as unknown as Socket;
    },
  });
});

afterAll(() => live?.close());

const value = () => Number(live.snapshot(SALES).rows.at(-1)?.value ?? 0);

it("shows what is sent, and goes on after a cut without a gap", async () => {
  live.watch(SALES, () => {});
  await until(
    "a live connection",
    () => live.status.state,
    (state) => state === "live",
  );
  await client.sell(3);
  await until("three sales", value, (sales) => sales === 3);

  sockets.at(-1)?.close();
  await until(
    "a lost connection",
    () => live.status.state,
    (state) => state === "reconnecting",
  );
  expect(live.snapshot(SALES)).toMatchObject({ state: "held", rows: [{ value: 3 }] });
  await client.sell(4);
  await until("seven sales", value, (sales) => sales === 7);
  expect(live.snapshot(SALES).state).toBe("live");
  expect(received.filter((frame) => frame.type === "subscribed").at(-1)?.resumed).toBe(true);
  expect(sockets.length).toBeGreaterThan(1);
});

it("hears of beats, and how far the data has come", async () => {
  await until(
    "a beat",
    () => live.status.asOf,
    (asOf) => asOf !== null,
  );
  await until(
    "a watermark",
    () => Object.keys(live.status.watermark),
    (entities) => entities.includes("Sale"),
  );
});

it("tells which topic is refused and why, and serves the others", async () => {
  live.watch(GONE, () => {});
  live.watch({ ...SALES, buckets: 2 }, () => {});
  await until(
    "a refusal",
    () => live.snapshot(GONE),
    (snapshot) => snapshot.state === "refused",
  );
  expect(live.snapshot(GONE).refusal?.kind).toBe("unknown-kpi");
  await until(
    "the other topic",
    () => live.snapshot({ ...SALES, buckets: 2 }).state,
    (state) => state === "live",
  );
});
