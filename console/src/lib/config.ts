// Where the APIs are: read once, from a file that is put beside the page when it is deployed.

export interface Config {
  /** Base address of the HTTP API. */
  readonly http: string;
  /** Address of the WebSocket API, its stage included. */
  readonly websocket: string;
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch("/config.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`/config.json is answered ${response.status}`);
  const config = (await response.json()) as Partial<Config>;
  if (typeof config.http !== "string" || typeof config.websocket !== "string") throw new Error("/config.json names no API");
  return { http: config.http.replace(/\/$/, ""), websocket: config.websocket };
}
