import classes from "./Formula.module.css";

const TOKEN =
  /('(?:[^']|'')*')|(\b\d+(?:\.\d+)?\b)|\b(AND|OR|NOT|WHERE|CASE|WHEN|THEN|ELSE|END|IN|BETWEEN|IS|NULL|TRUE|FALSE|LIKE)\b|\b([A-Z][A-Z0-9_]*)(?=\s*\()|\b([A-Z][a-z]\w*)\b/g;
const KINDS = ["text", "figure", "keyword", "function", "entity"] as const;

/** A formula as it is written, its kinds of words told apart. */
export function Formula({ children }: { children: string }) {
  const pieces: { word: string; kind?: (typeof KINDS)[number] }[] = [];
  let end = 0;
  for (const match of children.matchAll(TOKEN)) {
    if (match.index > end) pieces.push({ word: children.slice(end, match.index) });
    const kind = KINDS[match.slice(1).findIndex((group) => group !== undefined)];
    pieces.push(kind ? { word: match[0], kind } : { word: match[0] });
    end = match.index + match[0].length;
  }
  pieces.push({ word: children.slice(end) });
  return (
    <pre className={classes.formula}>
      <code>
        {pieces.map(({ word, kind }, index) => (
          <span key={index} className={kind && classes[kind]}>
            {word}
          </span>
        ))}
      </code>
    </pre>
  );
}
