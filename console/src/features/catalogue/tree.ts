// KPIs in their value chains and modules, and those that are searched for. Pure.
import type { Kpi } from "~/lib/api/queries.ts";

export interface Module {
  readonly name: string;
  readonly kpis: readonly Kpi[];
}

export interface Chain {
  readonly name: string;
  readonly modules: readonly Module[];
}

/** By name; what belongs nowhere comes last, under the empty name. */
export function treeOf(kpis: readonly Kpi[]): Chain[] {
  const chains = group(kpis, (kpi) => kpi.value_chain ?? "");
  return chains.map(([name, members]) => ({
    name,
    modules: group(members, (kpi) => kpi.module ?? "").map(([module, own]) => ({
      name: module,
      kpis: [...own].sort((one, other) => one.name.localeCompare(other.name)),
    })),
  }));
}

function group(kpis: readonly Kpi[], nameOf: (kpi: Kpi) => string): [string, Kpi[]][] {
  const groups = new Map<string, Kpi[]>();
  for (const kpi of kpis) {
    const name = nameOf(kpi);
    groups.set(name, [...(groups.get(name) ?? []), kpi]);
  }
  return [...groups].sort(([one], [other]) => Number(one === "") - Number(other === "") || one.localeCompare(other));
}

/** Those in which every word is found, whatever its case and accents. */
export function search(kpis: readonly Kpi[], typed: string): Kpi[] {
  const words = plain(typed).split(/\s+/).filter(Boolean);
  return kpis.filter((kpi) => {
    const all = plain(`${kpi.code} ${kpi.name} ${kpi.description ?? ""} ${kpi.module ?? ""} ${kpi.value_chain ?? ""}`);
    return words.every((word) => all.includes(word));
  });
}

function plain(letters: string): string {
  return letters
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .toLowerCase();
}
