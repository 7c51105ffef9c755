import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: {
      "~": fileURLToPath(new URL("src", import.meta.url)),
      "@analytics-engine/live-client": fileURLToPath(new URL("packages/live-client/src/index.ts", import.meta.url)),
    },
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "src/**/*.test.{ts,tsx}", "test/unit/*.test.ts"],
    // Two cores are shared with what else is tested.
    maxWorkers: 2,
    // And so is their time.
    testTimeout: 60_000,
  },
});
