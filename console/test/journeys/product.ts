// The running product, and clients of a test's own in it.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

interface Cloud {
  readonly http: string;
  readonly websocket: string;
  readonly cloudfront: string;
  readonly lambda: string;
}

/** What the stand-in asks of whoever calls a service that pages may not call. */
const SIGNED = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/any/aws4_request, SignedHeaders=host, Signature=0";

export const PASSWORD = "correct horse battery staple";

function readCloud(): Cloud {
  const state = process.env.TEST_PRODUCT;
  if (!state) throw new Error("TEST_PRODUCT names no running product: run this through make test");
  return JSON.parse(readFileSync(`${state}/cloud.json`, "utf8")) as Cloud;
}

/** A client with an administrator, an entity `Sale` and the KPI `SALES`, which counts them. */
export class Client {
  readonly cloud: Cloud;
  readonly email: string;
  token = "";

  private constructor(cloud: Cloud, email: string) {
    this.cloud = cloud;
    this.email = email;
  }

  static async create(): Promise<Client> {
    const client = new Client(readCloud(), `${randomUUID()}@example.com`);
    const today = new Date().toISOString().slice(0, 10);
    const licence = {
      features: ["ingest", "live", "modelling", "proposals", "series"],
      seats: 10,
      starts_on: today,
      ends_on: new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10),
    };
    await answer(`${client.cloud.lambda}/2015-03-31/functions/provision-client/invocations`, SIGNED, {
      name: "Journeys",
      time_zone: "UTC",
      email: client.email,
      password: PASSWORD,
      licence,
    });
    const tokens = await answer(`${client.cloud.http}/v1/sign-in`, "", { email: client.email, password: PASSWORD });
    client.token = tokens.access_token as string;
    await client.post("/v1/entities", {
      code: "Sale",
      domain: "sales",
      time: "sold_at",
      attributes: [
        { name: "amount", type: "integer", required: true },
        { name: "region", type: "text", dimension: true },
      ],
      groupings: [{ dimensions: ["region"] }],
    });
    await client.post("/v1/kpis", {
      code: "SALES",
      name: "Sales",
      formula: "COUNT(Sale)",
      unit: "sales",
      direction: "higher_is_better",
      module: "SHOP",
      value_chain: "RETAIL",
      decimals: 0,
      target: "5",
    });
    return client;
  }

  post(path: string, body: unknown): Promise<Record<string, unknown>> {
    return answer(this.cloud.http + path, `Bearer ${this.token}`, body);
  }

  /** Sends so many sales of this moment. */
  async sell(count: number): Promise<void> {
    const sold_at = new Date().toISOString();
    await this.post(
      "/v1/events/Sale",
      Array.from({ length: count }, () => ({ sold_at, amount: 1, region: "north" })),
    );
  }
}

async function answer(url: string, authorization: string, body: unknown): Promise<Record<string, unknown>> {
  const headers = { "content-type": "application/json", ...(authorization ? { authorization } : {}) };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok || response.headers.has("x-amz-function-error")) throw new Error(`${url} is answered ${response.status}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

/** Waits for what comes by itself, and says what came instead. */
export async function until<T>(what: string, look: () => T | Promise<T>, isThere: (value: T) => boolean, patienceMs = 30_000): Promise<T> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const value = await look();
    if (isThere(value)) return value;
    if (Date.now() > end) throw new Error(`${what} did not come within ${patienceMs} ms, but ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
