// Where dashboards are kept: in this browser, one list for each user. There is no route of the API for them yet.
import { useCallback, useEffect, useRef, useState } from "react";
import { useUser } from "~/lib/context.tsx";
import { load, onChange, save } from "~/lib/storage.ts";
import { type Dashboard, isDashboards } from "../model.ts";

export interface Kept {
  readonly dashboards: readonly Dashboard[];
  readonly change: (change: (dashboards: readonly Dashboard[]) => readonly Dashboard[]) => void;
  /** Another tab has changed them since this one did last: what that one has, until it is decided which of both stays. */
  readonly theirs: readonly Dashboard[] | null;
  readonly takeTheirs: () => void;
  readonly keepMine: () => void;
  /** Whether the browser keeps them. */
  readonly isKept: boolean;
}

export function useDashboards(isBusy: boolean): Kept {
  const user = useUser();
  const name = `dashboards.${user?.client}.${user?.id}`;
  const [dashboards, setDashboards] = useState<readonly Dashboard[]>(() => load(name, isDashboards) ?? []);
  const [theirs, setTheirs] = useState<readonly Dashboard[] | null>(null);
  const [isKept, setKept] = useState(true);
  const busy = useRef(isBusy);
  busy.current = isBusy;

  useEffect(
    () =>
      onChange(name, () => {
        const other = load(name, isDashboards) ?? [];
        // Who is only looking sees what is new; who is at work is asked.
        if (busy.current) setTheirs(other);
        else setDashboards(other);
      }),
    [name],
  );
  const put = useCallback(
    (next: readonly Dashboard[]) => {
      setDashboards(next);
      setKept(save(name, next));
    },
    [name],
  );
  const latest = useRef(dashboards);
  latest.current = dashboards;
  const change = useCallback(
    (how: (dashboards: readonly Dashboard[]) => readonly Dashboard[]) => {
      const next = how(latest.current);
      if (next === latest.current) return;
      latest.current = next;
      put(next);
    },
    [put],
  );
  return {
    dashboards,
    change,
    theirs,
    takeTheirs: () => {
      setDashboards(theirs ?? []);
      setTheirs(null);
    },
    keepMine: () => {
      setTheirs(null);
      put(latest.current);
    },
    isKept,
  };
}
