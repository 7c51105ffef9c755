import "@mantine/core/styles.css";
import "./styles.css";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { RouterProvider } from "react-router";
import { Problem } from "~/lib/api/client.ts";
import { type Services, ServicesProvider } from "~/lib/context.tsx";
import { createRouter } from "./router.tsx";
import { theme } from "./theme.ts";

/** What was refused stays refused; what did not get through, or came too often, is asked again. */
const ATTEMPTS = 3;

function createQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        retry: (failures, error) => failures < ATTEMPTS && (!(error instanceof Problem) || error.status === 429 || error.status >= 500),
        retryDelay: (failures, error) => (error instanceof Problem ? error.retryAfterMs : undefined) ?? Math.min(8_000, 500 * 2 ** failures),
        // The browser's own word on whether there is a network is often wrong on a local machine.
        networkMode: "always",
      },
    },
  });
}

export function App({ services }: { services: Services }) {
  const [queries] = useState(createQueries);
  const [router] = useState(() => createRouter(services.session, () => queries.clear()));
  return (
    <ServicesProvider services={services}>
      <QueryClientProvider client={queries}>
        <MantineProvider theme={theme} defaultColorScheme="auto">
          <RouterProvider router={router} />
        </MantineProvider>
      </QueryClientProvider>
    </ServicesProvider>
  );
}
