// The live client in React. Every component may watch what it shows: there is one connection and one subscription of each topic, however many there are.
import { keyOf, type Row, type Snapshot, type State, type Status, type Topic } from "@analytics-engine/live-client";
import { useCallback, useMemo, useRef, useSyncExternalStore } from "react";
import { useServices } from "../context.tsx";

const NOBODY: Snapshot = { state: "waiting", rows: [], silent: null, refusal: null };

/** What is known of a topic, live. Nothing is watched while the topic is null, as for a tile that nobody sees. */
export function useStreamingKpi(topic: Topic | null): Snapshot {
  const { live } = useServices();
  const key = topic ? keyOf(topic) : "";
  // The same topic for the same key: a new object of the same content is no reason to subscribe anew.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says all that the topic does
  const stable = useMemo(() => topic, [key]);
  const subscribe = useCallback((changed: () => void) => (stable ? live.watch(stable, changed) : () => {}), [live, stable]);
  return useSyncExternalStore(subscribe, () => (stable ? live.snapshot(stable) : NOBODY));
}

/** What is known of many topics, in their order. The same list until one of them changes. */
export function useStreamingDashboard(topics: readonly Topic[]): readonly Snapshot[] {
  const { live } = useServices();
  const key = topics.map(keyOf).join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the keys say all that the topics do
  const stable = useMemo(() => topics, [key]);
  const last = useRef<readonly Snapshot[]>([]);
  const subscribe = useCallback(
    (changed: () => void) => {
      const stops = stable.map((topic) => live.watch(topic, changed));
      return () => {
        for (const stop of stops) stop();
      };
    },
    [live, stable],
  );
  return useSyncExternalStore(subscribe, () => {
    const now = stable.map((topic) => live.snapshot(topic));
    if (now.length !== last.current.length || now.some((snapshot, index) => snapshot !== last.current[index])) last.current = now;
    return last.current;
  });
}

/** How the connection is. */
export function useLiveStatus(): Status {
  const { live } = useServices();
  return useSyncExternalStore(
    useCallback((changed: () => void) => live.onStatus(changed), [live]),
    () => live.status,
  );
}

/** Its state alone, for what need not be drawn anew with every beat. */
export function useLiveState(): State {
  const { live } = useServices();
  return useSyncExternalStore(
    useCallback((changed: () => void) => live.onStatus(changed), [live]),
    () => live.status.state,
  );
}

/** The newest bucket, and the newest two that are over. */
export function newest(rows: readonly Row[]): { open: Row | undefined; last: Row | undefined; before: Row | undefined } {
  const closed = rows.filter((row) => row.closed);
  return { open: rows.findLast((row) => !row.closed), last: closed.at(-1), before: closed.at(-2) };
}
