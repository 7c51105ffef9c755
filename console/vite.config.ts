import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import type { Connect, Plugin } from "vite";
import { defineConfig } from "vite";
import { notices } from "./scripts/notices.mjs";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Where the running local cloud's APIs are, as `/config.json`: deployed, that is a file beside the others. */
function config(): Plugin {
  const answer: Connect.NextHandleFunction = (_, response) => {
    const state = process.env.STATE_DIR ?? here("../.local");
    try {
      const { http, websocket } = JSON.parse(readFileSync(`${state}/cloud.json`, "utf8"));
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ http, websocket }));
    } catch {
      response.statusCode = 503;
      response.end("the local cloud does not run: start it with `make run`");
    }
  };
  return {
    name: "config",
    configureServer: (server) => void server.middlewares.use("/config.json", answer),
    configurePreviewServer: (server) => void server.middlewares.use("/config.json", answer),
  };
}

export default defineConfig({
  plugins: [react(), config(), notices()],
  resolve: { alias: { "~": here("src"), "@analytics-engine/live-client": here("packages/live-client/src/index.ts") } },
  server: { port: 5173, strictPort: false },
  preview: { port: 4173 },
  build: {
    target: "es2022",
    manifest: true,
    // Charts are a piece of their own, fetched by the pages that draw one.
    chunkSizeWarningLimit: 700,
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "react", test: /node_modules\/(react|react-dom|react-router|scheduler)\// }] } } },
  },
});
