import { Box, useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { formatNumber, unitSuffix } from "~/lib/numbers.ts";
import { formatBucket } from "~/lib/periods.ts";
import type { Point } from "~/lib/points.ts";
import { text } from "~/lib/text.ts";
import type { ChartOption, echarts } from "./echarts.ts";
import { Loading } from "./States.tsx";

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

interface ChartProps {
  readonly kind: "line" | "bar";
  readonly lines: readonly Line[];
  readonly name: string;
  readonly period: string;
  readonly timeZone?: string | undefined;
  readonly unit?: string | undefined;
  readonly decimals?: number | undefined;
  readonly target?: number | null;
  /** The bucket that is not over: its bar is a pale one. */
  readonly open?: number | undefined;
  readonly height?: number | string;
}

/** Lines or bars over buckets. Its size is its box's from the first moment on, and a new value moves nothing but the line. */
export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<ReturnType<typeof echarts.init> | null>(null);
  const [isReady, setReady] = useState(false);
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });

  useEffect(() => {
    let ended = false;
    let observer: ResizeObserver | null = null;
    import("./echarts.ts").then(({ echarts }) => {
      if (ended || !box.current) return;
      const made = echarts.init(box.current);
      chart.current = made;
      observer = new ResizeObserver(() => made.resize());
      observer.observe(box.current);
      setReady(true);
    });
    return () => {
      ended = true;
      observer?.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
  }, []);

  const { kind, lines, period, timeZone, unit, decimals, target, open } = props;
  // Everything but the values is laid out once: what comes every second is as little work as it can be.
  const layout = JSON.stringify([kind, lines.map((line) => line.name), period, timeZone, unit, decimals, target, scheme]);
  const laidOut = useRef("");
  useEffect(() => {
    if (!isReady) return;
    const values = data({ kind, lines, period, timeZone, open });
    if (laidOut.current === layout) chart.current?.setOption(values, { lazyUpdate: true });
    else chart.current?.setOption(option({ kind, lines, unit, decimals, target }, values, scheme === "dark"), { notMerge: true, lazyUpdate: true });
    laidOut.current = layout;
  }, [isReady, layout, kind, lines, period, timeZone, unit, decimals, target, open, scheme]);

  return (
    <Box pos="relative" h={props.height ?? "100%"} mih={80} role="img" aria-label={text.chart(props.name, summary(props))}>
      <div ref={box} style={{ position: "absolute", inset: 0 }} />
      {!isReady && <Loading height="100%" />}
    </Box>
  );
}

/** Of a bar that still grows. */
const OPEN_OPACITY = 0.5;

/** Apart for eyes that can't tell all colours apart; the first is the accent. */
const COLOURS = {
  light: ["#2563a8", "#b35c00", "#1d7a46", "#7a3f98", "#a3324a", "#5a6472"],
  dark: ["#69a0d1", "#e0a050", "#5fc98d", "#c08fdc", "#ee8aa0", "#a3adba"],
};

interface Values {
  readonly xAxis: { readonly data: string[] };
  readonly series: { readonly data: unknown[]; readonly showSymbol: boolean }[];
}

/** What changes from one moment to the next. */
function data({ kind, lines, period, timeZone, open }: Pick<ChartProps, "kind" | "lines" | "period" | "timeZone" | "open">): Values & ChartOption {
  const buckets = [...new Set(lines.flatMap((line) => line.points.map((point) => point.bucket)))].sort((one, other) => one - other);
  return {
    xAxis: { data: buckets.map((bucket) => formatBucket(bucket, period, timeZone)) },
    series: lines.map((line) => {
      const values = new Map(line.points.map((point) => [point.bucket, point.value]));
      return {
        // A value with nothing beside it is no line.
        showSymbol: line.points.filter((point) => point.value !== null).length < 3,
        data: buckets.map((bucket) => {
          const value = numeric(values.get(bucket));
          return bucket === open && kind === "bar" ? { value, itemStyle: { opacity: OPEN_OPACITY } } : value;
        }),
      };
    }),
  };
}

/** All of it. */
function option(
  { kind, lines, unit, decimals, target }: Pick<ChartProps, "kind" | "lines" | "unit" | "decimals" | "target">,
  values: Values,
  dark: boolean,
): ChartOption {
  const quiet = dark ? "#a3adba" : "#5a6472";
  const rule = dark ? "#30363e" : "#e6e9ed";
  const written = (value: unknown) => `${formatNumber(value as number | null, { decimals })}${unitSuffix(unit)}`;
  return {
    animation: false,
    color: dark ? COLOURS.dark : COLOURS.light,
    textStyle: { fontFamily: "inherit" },
    aria: { enabled: false },
    grid: { left: 4, right: 12, top: lines.length > 1 ? 30 : 10, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    ...(lines.length > 1
      ? { legend: { type: "plain", top: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 3, textStyle: { color: quiet, fontSize: 12 } } }
      : {}),
    tooltip: {
      trigger: "axis",
      confine: true,
      transitionDuration: 0,
      backgroundColor: dark ? "#262b31" : "#ffffff",
      borderColor: rule,
      textStyle: { color: dark ? "#e6e9ed" : "#1d2126", fontSize: 12 },
      valueFormatter: written,
      axisPointer: { lineStyle: { color: quiet, type: "dotted" }, shadowStyle: { opacity: 0.15 }, type: kind === "bar" ? "shadow" : "line" },
    },
    xAxis: {
      ...values.xAxis,
      type: "category",
      boundaryGap: kind === "bar",
      axisLine: { lineStyle: { color: rule } },
      axisTick: { show: false },
      axisLabel: { color: quiet, fontSize: 11, hideOverlap: true },
    },
    yAxis: {
      type: "value",
      scale: kind === "line",
      splitNumber: 3,
      splitLine: { lineStyle: { color: rule } },
      axisLabel: { color: quiet, fontSize: 11, formatter: (value: number) => formatNumber(value, { short: true }) },
    },
    series: lines.map((line, index) => ({
      ...values.series[index],
      type: kind,
      name: line.name,
      symbolSize: 5,
      lineStyle: { width: 2 },
      barMaxWidth: 28,
      emphasis: { disabled: true },
      ...(index === 0 && typeof target === "number" ? { markLine: targetLine(target, written(target), quiet) } : {}),
    })),
  };
}

function targetLine(target: number, label: string, colour: string) {
  return {
    silent: true,
    symbol: "none",
    animation: false,
    lineStyle: { color: colour, type: "dashed" },
    label: { formatter: text.dashboard.target(label), position: "insideEndTop", color: colour, fontSize: 11 },
    data: [{ yAxis: target }],
  };
}

/** A picture is as exact as its pixels: digits that a float can't hold are in the table. */
function numeric(value: Point["value"] | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function summary({ lines, decimals }: ChartProps): string {
  const values = lines.flatMap((line) => line.points).flatMap((point) => (point.value === null ? [] : [Number(point.value)]));
  const written = (value: number | undefined) => formatNumber(value, { decimals });
  if (values.length === 0) return text.chartEmpty;
  return text.chartSummary(written(values[0]), written(values.at(-1)), written(Math.min(...values)), written(Math.max(...values)));
}
