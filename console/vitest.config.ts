import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "src/**/*.test.{ts,tsx}", "test/**/*.test.ts"],
    // Two cores are shared with what else is tested.
    maxWorkers: 2,
  },
});
