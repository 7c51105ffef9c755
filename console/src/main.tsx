import { createRoot } from "react-dom/client";
import { App } from "~/app/App.tsx";
import { loadConfig } from "~/lib/config.ts";
import { createServices } from "~/lib/context.tsx";
import { text } from "~/lib/text.ts";

/** How long a page that was read anew for a piece that is gone is not read anew for another. */
const RELOADED_FOR_MS = 60_000;

// A new version replaces its pieces by others: a page that was open meanwhile asks for those that are gone, and is read anew. Not again and again, and not
// without a network, where it would be the browser's own page of errors: the page tells of it then.
addEventListener("vite:preloadError", () => {
  const key = "analytics-engine.reloaded";
  const last = Number(sessionStorage.getItem(key) ?? 0);
  if (!navigator.onLine || Date.now() - last < RELOADED_FOR_MS) return;
  sessionStorage.setItem(key, String(Date.now()));
  location.reload();
});

const element = document.getElementById("root");
if (!element) throw new Error("the page has no root");
loadConfig().then(
  (config) => createRoot(element).render(<App services={createServices(config)} />),
  (error: unknown) => {
    element.textContent = `${text.states.unreachable}: ${error instanceof Error ? error.message : error}`;
    element.setAttribute("role", "alert");
  },
);
