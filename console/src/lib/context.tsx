// What every page has: the API, the session and the live client, made once before anything is drawn.
import { LiveClient } from "@analytics-engine/live-client";
import { createContext, type ReactNode, useContext, useSyncExternalStore } from "react";
import { type Api, createApi, unwrap } from "./api/client.ts";
import type { Config } from "./config.ts";
import { Session, type User } from "./session.ts";

export interface Services {
  readonly config: Config;
  readonly session: Session;
  readonly api: Api;
  readonly live: LiveClient;
}

export function createServices(config: Config): Services {
  const session = new Session(config.http);
  const api = createApi(config.http, session);
  const live = new LiveClient({
    url: config.websocket,
    token: async (refused) => {
      // A browser isn't told why a handshake failed. The API is, and a token that it does not take is renewed on the way.
      if (refused) await unwrap(api.GET("/v1/kpis", { params: { query: { limit: 1 } } }));
      return session.token();
    },
  });
  addEventListener("online", () => live.wake());
  addEventListener("offline", () => live.lost());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) live.wake();
  });
  session.onChange(() => {
    if (session.user) live.wake();
    else live.lost();
  });
  return { config, session, api, live };
}

const Context = createContext<Services | null>(null);

export function ServicesProvider({ services, children }: { services: Services; children: ReactNode }) {
  return <Context value={services}>{children}</Context>;
}

export function useServices(): Services {
  const services = useContext(Context);
  if (!services) throw new Error("there is no ServicesProvider above");
  return services;
}

export function useApi(): Api {
  return useServices().api;
}

/** Who is signed in. */
export function useUser(): User | null {
  const { session } = useServices();
  return useSyncExternalStore(
    (changed) => session.onChange(changed),
    () => session.user,
  );
}
