// Debian's Chromium, driven by playwright-core: what the journeys and the screenshots share.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

/** Without these, Chromium looks for its maker's hosts at every start. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function openBrowser() {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) throw new Error("CHROMIUM names no browser: run this through make, which fetches one (infra/browser/fetch-chromium)");
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

/** Where the running local cloud is, and its demo's user. */
export function readCloud(state = process.env.STATE_DIR) {
  if (!state) throw new Error("STATE_DIR names no folder of a running local cloud");
  return JSON.parse(readFileSync(`${state}/cloud.json`, "utf8"));
}

export async function signIn(cloud) {
  const response = await fetch(`${cloud.http}/v1/sign-in`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: cloud.email, password: cloud.password }),
  });
  if (!response.ok) throw new Error(`sign-in is answered ${response.status}: ${await response.text()}`);
  return response.json();
}
