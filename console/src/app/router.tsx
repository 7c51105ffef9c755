import { createBrowserRouter, redirect } from "react-router";
import { Loading } from "~/components/States.tsx";
import { Crashed, NotFound } from "./Crashed.tsx";
import type { Session } from "~/lib/session.ts";
import { Shell } from "./Shell.tsx";

/** The pages. Each is a piece of its own, fetched when it is gone to. */
export function createRouter(session: Session, forget: () => void) {
  const signedIn = ({ request }: { request: Request }) => {
    const { pathname, search } = new URL(request.url);
    const back = pathname + search;
    return session.user ? null : redirect(back === "/" ? "/sign-in" : `/sign-in?to=${encodeURIComponent(back)}`);
  };
  return createBrowserRouter([
    {
      path: "/sign-in",
      lazy: async () => ({ Component: (await import("~/features/session/components/SignInPage.tsx")).SignInPage }),
      HydrateFallback: Loading,
      ErrorBoundary: Crashed,
    },
    {
      path: "/",
      element: <Shell forget={forget} />,
      loader: signedIn,
      HydrateFallback: Loading,
      ErrorBoundary: Crashed,
      children: [
        {
          ErrorBoundary: Crashed,
          children: [
            { index: true, lazy: async () => ({ Component: (await import("~/features/home/components/HomePage.tsx")).HomePage }) },
            { path: "dashboard/:id?", lazy: async () => ({ Component: (await import("~/features/dashboard/components/DashboardPage.tsx")).DashboardPage }) },
            { path: "kpis/:code?", lazy: async () => ({ Component: (await import("~/features/catalogue/components/CataloguePage.tsx")).CataloguePage }) },
            { path: "ask", lazy: async () => ({ Component: (await import("~/features/ask/components/AskPage.tsx")).AskPage }) },
            { path: "*", Component: NotFound },
          ],
        },
      ],
    },
  ]);
}
