import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Against a running product: infra/console/test says which. */
export default defineConfig({
  resolve: { alias: { "@analytics-engine/live-client": fileURLToPath(new URL("packages/live-client/src/index.ts", import.meta.url)) } },
  test: {
    include: ["test/journeys/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // One after the other: what they measure is how soon something is seen.
    fileParallelism: false,
    // A journey goes on from where it was: what comes after a failure would fail for that alone.
    bail: 1,
  },
});
