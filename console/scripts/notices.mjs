// What is bundled, by whom and under which licence: put beside the pages, because whoever is given them is given this with them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Licences under which what is bundled may be given to anybody. */
const PERMISSIVE = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unlicense"];

const TEXTS = /^(licen[cs]e|copying|notice)/i;
const RULE = "-".repeat(100);

/** The folder of the package that a module is of; null for the console's own. */
function packageOf(module) {
  if (!module.includes("/node_modules/")) return null;
  let folder = dirname(module.replace(/^\0/, "").replace(/\?.*$/, ""));
  // A package's own folders may have a package.json of their own, without a name.
  while (!(existsSync(join(folder, "package.json")) && JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version)) {
    if (dirname(folder) === folder) return null;
    folder = dirname(folder);
  }
  return folder;
}

/** The licences and notices of a folder; some packages have a folder of them. */
function textsIn(folder, wanted) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => wanted.test(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? textsIn(join(folder, entry.name), /./) : [readFileSync(join(folder, entry.name), "utf8").trim()]));
}

function noticeOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  if (!PERMISSIVE.includes(license)) throw new Error(`${name} is under ${license}, which may not be bundled`);
  const texts = textsIn(folder, TEXTS);
  return [`${name} ${version}, ${license}`, ...texts].join("\n\n");
}

/** A plugin of Vite. */
export function notices() {
  return {
    name: "notices",
    apply: "build",
    generateBundle(_, bundle) {
      const folders = new Set();
      for (const piece of Object.values(bundle)) {
        for (const module of piece.moduleIds ?? []) folders.add(packageOf(module));
      }
      folders.delete(null);
      const source = [...folders].sort().map(noticeOf).join(`\n\n${RULE}\n\n`);
      this.emitFile({ type: "asset", fileName: "third-party-notices.txt", source: `${source}\n` });
    },
  };
}
