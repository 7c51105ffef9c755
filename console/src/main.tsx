import { createRoot } from "react-dom/client";
import { App } from "~/app/App.tsx";
import { loadConfig } from "~/lib/config.ts";
import { createServices } from "~/lib/context.tsx";
import { text } from "~/lib/text.ts";

// A new version replaces its pieces by others: a page that was open meanwhile asks for those that are gone, and is read anew.
addEventListener("vite:preloadError", () => location.reload());

const element = document.getElementById("root");
if (!element) throw new Error("the page has no root");
loadConfig().then(
  (config) => createRoot(element).render(<App services={createServices(config)} />),
  (error: unknown) => {
    element.textContent = `${text.states.unreachable}: ${error instanceof Error ? error.message : error}`;
    element.setAttribute("role", "alert");
  },
);
