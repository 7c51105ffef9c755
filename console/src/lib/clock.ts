import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let now = Math.floor(Date.now() / 1000) * 1000;
let timer: ReturnType<typeof setInterval> | undefined;

/** The time, to the second, for what is written of it. All that show it change in one step, and nothing ticks where nothing does. */
export function useNow(): number {
  return useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      timer ??= setInterval(() => {
        now = Math.floor(Date.now() / 1000) * 1000;
        for (const listener of listeners) listener();
      }, 1000);
      return () => {
        listeners.delete(changed);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    () => now,
  );
}
