import { Link } from "react-router";
import type { Kpi } from "~/lib/api/queries.ts";
import { text } from "~/lib/text.ts";
import { treeOf } from "../tree.ts";
import classes from "./Catalogue.module.css";

/** So many are open from the start; beyond that one opens what one looks for. */
const OPEN_UP_TO = 60;

interface KpiTreeProps {
  readonly kpis: readonly Kpi[];
  readonly chosen: string | undefined;
  readonly isSearching: boolean;
}

export function KpiTree({ kpis, chosen, isSearching }: KpiTreeProps) {
  const isOpen = isSearching || kpis.length <= OPEN_UP_TO;
  return (
    <nav aria-label={text.catalogue.tree}>
      {treeOf(kpis).map((chain) => (
        <div key={chain.name}>
          <div className={classes.chain}>
            <bdi>{chain.name || text.catalogue.noChain}</bdi>
          </div>
          {chain.modules.map((module) => (
            <details key={`${module.name} ${isSearching}`} open={isOpen || module.kpis.some((kpi) => kpi.code === chosen)}>
              <summary>
                <bdi>{module.name || text.catalogue.noModule}</bdi> <span className="number quiet">{module.kpis.length}</span>
              </summary>
              {module.kpis.map((kpi) => (
                <Link
                  key={kpi.code}
                  to={`/kpis/${encodeURIComponent(kpi.code)}`}
                  className={`clip ${classes.kpi}`}
                  title={kpi.name}
                  aria-current={kpi.code === chosen ? "page" : undefined}
                >
                  <bdi>{kpi.name}</bdi>
                </Link>
              ))}
            </details>
          ))}
        </div>
      ))}
    </nav>
  );
}
