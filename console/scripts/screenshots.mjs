// Takes every page in light and dark at three widths: STATE_DIR=… CHROMIUM=… node scripts/screenshots.mjs FOLDER [PAGE]
import { mkdirSync } from "node:fs";
import { openBrowser, readCloud, signIn } from "./browser.mjs";

const WIDTHS = [390, 1280, 1920];
const HEIGHTS = { 390: 844, 1280: 800, 1920: 1080 };

const PAGES = [
  ["sign-in", "/sign-in"],
  ["home", "/"],
  ["dashboard", "/dashboard/shown"],
  ["dashboard-empty", "/dashboard/empty"],
  ["catalogue", "/kpis"],
  ["kpi", "/kpis/ON_TIME_RATE"],
  ["ask-empty", "/ask"],
  ["ask", "/ask?kpi=FLIGHTS&kpi=ON_TIME_RATE&period=minute&range=24h"],
  ["ask-split", "/ask?kpi=FLIGHTS&period=hour&range=24h&by=origin"],
  ["not-found", "/nowhere"],
];

const TILES = [
  { kpi: "FLIGHTS", kind: "number", x: 0, y: 0, w: 3, h: 2 },
  { kpi: "ON_TIME_RATE", kind: "number", x: 3, y: 0, w: 3, h: 2 },
  { kpi: "AVERAGE_DELAY", kind: "sparkline", x: 6, y: 0, w: 3, h: 2 },
  { kpi: "DISTANCE_FLOWN", kind: "number", x: 9, y: 0, w: 3, h: 2 },
  { kpi: "ON_TIME_RATE", kind: "line", x: 0, y: 2, w: 6, h: 4 },
  { kpi: "FLIGHTS", kind: "bar", x: 6, y: 2, w: 6, h: 4 },
  { kpi: "FLIGHTS", kind: "bar", by: "origin", title: "Flights by origin", x: 0, y: 6, w: 4, h: 4 },
  { kpi: "AVERAGE_DELAY", kind: "table", x: 4, y: 6, w: 4, h: 4 },
  { kpi: "GONE", kind: "number", x: 8, y: 6, w: 4, h: 2 },
];

const folder = process.argv[2] ?? "screenshots";
const only = process.argv[3];
mkdirSync(folder, { recursive: true });
const cloud = readCloud();
const base = process.env.CONSOLE_URL ?? cloud.cloudfront;
const browser = await openBrowser();
try {
  for (const width of WIDTHS) {
    for (const scheme of ["light", "dark"]) await take(width, scheme);
  }
} finally {
  await browser.close();
}

async function take(width, scheme) {
  const context = await browser.newContext({ viewport: { width, height: HEIGHTS[width] }, colorScheme: scheme, locale: "en-GB" });
  const tokens = await signIn(cloud);
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(`${page.url()}: ${error}`));
  page.on("console", (message) => message.type() === "error" && console.error(`${page.url()}: ${message.text()}`));
  for (const [name, path] of PAGES) {
    if (only && !name.startsWith(only)) continue;
    await page.goto(`${base}/sign-in`, { waitUntil: "commit" });
    await page.evaluate(keep, { tokens, email: cloud.email, client: cloud.client, tiles: TILES, isSignedIn: name !== "sign-in" });
    await page.goto(base + path);
    await page.waitForTimeout(1800);
    await page.screenshot({ path: `${folder}/${name}-${width}-${scheme}.png` });
  }
  await context.close();
}

/** Runs in the page: what signing in and making a dashboard leave there. */
function keep({ tokens, email, client, tiles, isSignedIn }) {
  if (!isSignedIn) return localStorage.clear();
  const user = JSON.parse(atob(tokens.access_token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).sub;
  const kept = { access: tokens.access_token, refresh: tokens.refresh_token, until: Date.now() + tokens.expires_in * 1000, email };
  localStorage.setItem("analytics-engine.session", JSON.stringify(kept));
  const plain = { period: "minute", range: 60, mode: "live", filters: {} };
  const shown = { ...plain, id: "shown", name: "Operations", tiles: tiles.map((tile, index) => ({ ...tile, id: String(index) })) };
  localStorage.setItem(`analytics-engine.dashboards.${client}.${user}`, JSON.stringify([shown, { ...plain, id: "empty", name: "Another", tiles: [] }]));
}
