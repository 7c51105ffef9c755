// What a stranger's program does with a client that was generated from the OpenAPI document. The compiler holds each call and each answer against the document.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };
type Entity = components["schemas"]["Entity"];

const [base, email, password] = process.argv.slice(2) as [string, string, string];
const client = createClient<paths>({ baseUrl: base });

function expect<T>(what: string, answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) throw new Error(`${what}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

function same<T>(what: string, seen: T, wanted: T): void {
  if (JSON.stringify(seen) !== JSON.stringify(wanted)) throw new Error(`${what}: ${JSON.stringify(seen)}`);
}

async function finished(id: string): Promise<components["schemas"]["Batch"]> {
  for (let tries = 0; tries < 200; tries++) {
    const { data } = await client.GET("/v1/batches/{id}", { params: { path: { id } } });
    if (data?.state === "finished") return data;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`batch ${id} is not finished`);
}

const tokens = expect("sign in", await client.POST("/v1/sign-in", { body: { email, password } }));
client.use({
  onRequest({ request }) {
    request.headers.set("authorization", `${tokens.token_type} ${tokens.access_token}`);
  },
});

const entity: Entity = expect(
  "create an entity",
  await client.POST("/v1/entities", {
    body: {
      code: "Sale",
      domain: "sales",
      time: "sold_at",
      attributes: [
        { name: "amount", type: "decimal", required: true },
        { name: "region", type: "text", dimension: true },
      ],
      groupings: [{ dimensions: ["region"], finest: "hour" }],
    },
  }),
);
const read = await client.GET("/v1/entities/{code}", { params: { path: { code: entity.code } } });
const etag = read.response.headers.get("etag") ?? "";
// What was read is written as it is, and is no other version.
const replaced = expect(
  "replace an entity by itself",
  await client.PUT("/v1/entities/{code}", {
    params: { path: { code: entity.code }, header: { "If-Match": etag } },
    body: expect("read an entity", read),
  }),
);
same("version", replaced.version, entity.version);

expect(
  "create a KPI",
  await client.POST("/v1/kpis", {
    body: { code: "SALES", name: "Sales", formula: "SUM(Sale.amount)", direction: "higher_is_better" },
  }),
);
const events = [
  { sold_at: "2026-11-20T10:00:00Z", amount: 12.5, region: "north" },
  { sold_at: "2026-11-20T11:00:00Z", amount: "30", region: "south" },
  { sold_at: "2026-11-20T11:00:00Z", amount: "many", region: "south" },
];
const accepted = expect(
  "send events",
  await client.POST("/v1/events/{entity}", { params: { path: { entity: "Sale" } }, body: events }),
);
const batch = await finished(accepted.batch_id);
same("batch", [batch.accepted, batch.rejected], [2, 1]);

const path = { code: "SALES" };
const at = "2026-11-20T12:00:00Z";
const value = expect("read a value", await client.GET("/v1/kpis/{code}/value", { params: { path, query: { period: "day", at } } }));
same("value", [Number(value.value), value.facts], [42.5, 2]);
const range = { from: "2026-11-20T00:00:00Z", to: "2026-11-21T00:00:00Z" };
const series = expect(
  "read a series",
  await client.GET("/v1/kpis/{code}/series", {
    params: { path, query: { period: "hour", ...range, by: "region", filter: { region: "north,south" } } },
  }),
);
same("series", series.points.map((point) => point.group?.["region"]), ["north", "south"]);

const batches = expect("list batches", await client.GET("/v1/batches", { params: { query: { entity: "Sale", limit: 10 } } }));
same("batches", batches.batches.map((one) => one.id), [accepted.batch_id]);

const refused = await client.POST("/v1/kpis", { body: { code: "WRONG", name: "Wrong", formula: "COUNT(Sael)" } });
same("a refusal has its hint", refused.error !== undefined && "hint" in (refused.error as { issues: object[] }).issues[0]!, true);
console.log("done");
