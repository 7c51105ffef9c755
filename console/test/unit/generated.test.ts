import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { generated } from "../../scripts/generate.mjs";

it("has the types of the documents that the product serves today: else run npm run generate", async () => {
  for (const [path, text] of await generated()) {
    const kept = readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
    // Not the texts themselves: where they differ, both would be printed.
    expect(kept === text, path).toBe(true);
  }
});
