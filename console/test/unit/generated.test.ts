import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { OF_THE_PROTOCOL, protocol } from "../../scripts/generate.mjs";

it("has the types of the live protocol that the product serves today: else run npm run generate", async () => {
  const kept = readFileSync(new URL(`../../../${OF_THE_PROTOCOL}`, import.meta.url), "utf8");
  // Not the texts themselves: where they differ, both would be printed.
  expect(kept === (await protocol()), OF_THE_PROTOCOL).toBe(true);
});
