import type { Point } from "~/lib/points.ts";

const WIDTH = 120;
const HEIGHT = 32;

/** A line without axes: how it went, not how much it was. A value that is missing is a gap. */
export function Sparkline({ points, label, height = HEIGHT }: { points: readonly Point[]; label: string; height?: number | string }) {
  const numbers = points.map((point) => (point.value === null ? null : Number(point.value)));
  const known = numbers.filter((value) => value !== null);
  const low = Math.min(...known);
  const high = Math.max(...known);
  const across = (index: number) => (points.length < 2 ? WIDTH / 2 : (index / (points.length - 1)) * WIDTH);
  const up = (value: number) => (high === low ? HEIGHT / 2 : HEIGHT - 2 - ((value - low) / (high - low)) * (HEIGHT - 4));
  const path = numbers
    .map((value, index) => {
      if (value === null) return "";
      const begins = index === 0 || numbers[index - 1] === null;
      return `${begins ? "M" : "L"}${across(index).toFixed(1)} ${up(value).toFixed(1)}`;
    })
    .join("");
  const last = numbers.at(-1);
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      width="100%"
      height={height}
      role="img"
      aria-label={label}
      style={{ display: "block", overflow: "visible" }}
    >
      <path d={path} fill="none" stroke="var(--accent)" strokeWidth={1.5} vectorEffect="non-scaling-stroke" strokeLinejoin="round" />
      {last !== null && last !== undefined && (
        <line
          x1={WIDTH}
          x2={WIDTH}
          y1={up(last)}
          y2={up(last)}
          stroke="var(--accent)"
          strokeWidth={5}
          strokeLinecap="round"
          vectorEffect="non-scaling-stroke"
        />
      )}
    </svg>
  );
}
