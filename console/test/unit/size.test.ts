import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";

/** What is fetched before the first page is there, packed, without charts. */
const FIRST_LOAD_BYTES = 250 * 1024;

const DIST = new URL("../../dist/", import.meta.url);

interface Piece {
  readonly file: string;
  readonly imports?: readonly string[];
  readonly css?: readonly string[];
}

/** A piece with all that it needs at once. */
function needed(manifest: Record<string, Piece>, name: string, found = new Set<string>()): Set<string> {
  const piece = manifest[name];
  if (!piece || found.has(piece.file)) return found;
  for (const file of [piece.file, ...(piece.css ?? [])]) found.add(file);
  for (const other of piece.imports ?? []) needed(manifest, other, found);
  return found;
}

it("is small", () => {
  const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", DIST), "utf8")) as Record<string, Piece>;
  const size = (page: string) => {
    const files = needed(manifest, page, needed(manifest, "index.html"));
    return [...files].reduce((bytes, file) => bytes + gzipSync(readFileSync(new URL(file, DIST))).length, 0);
  };
  const pages = [
    "session/components/SignInPage",
    "home/components/HomePage",
    "dashboard/components/DashboardPage",
    "catalogue/components/CataloguePage",
    "ask/components/AskPage",
  ];
  for (const page of pages) {
    const bytes = size(`src/features/${page}.tsx`);
    console.log(`${page.split("/")[0]}: ${Math.round(bytes / 1024)} KB packed`);
    if (page.startsWith("session") || page.startsWith("home")) expect(bytes, page).toBeLessThan(FIRST_LOAD_BYTES);
  }
});

it("says whose work is in it", () => {
  const notices = readFileSync(new URL("third-party-notices.txt", DIST), "utf8");
  for (const name of ["react-dom", "@mantine/core", "echarts", "zrender", "react-grid-layout", "@tanstack/query-core"]) {
    expect(notices).toMatch(new RegExp(`^${name} [0-9.]+, (MIT|Apache-2.0|BSD-3-Clause)$`, "m"));
  }
});

it("brings no word of this machine", () => {
  const texts = readdirSync(DIST, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(js|css|html)$/.test(entry.name))
    .map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, "utf8"));
  expect(texts.length).toBeGreaterThan(5);
  for (const text of texts) expect(text.includes(new URL("../..", import.meta.url).pathname)).toBe(false);
});
