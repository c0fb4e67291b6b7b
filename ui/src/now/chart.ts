// What uPlot is told to draw the balance and the price; colours are read from the theme.

import type uPlot from "uplot";
import { minute, number } from "../lib/format";
import { typeColour } from "../lib/states";
import { colour } from "../lib/theme.svelte";
import type { Picture, Stack } from "./balance";

type Data = uPlot.AlignedData;
type Options = Omit<uPlot.Options, "width" | "height">;

/** Width of the value axis of both charts, so that their times stand under each other, px. */
const AXIS_PX = 52;
const FONT = "12px system-ui, 'Liberation Sans', sans-serif";
const HOUR_S = 3600;
/** How many times the price's own range may grow to show what units cost. */
const FAR = 2.5;

/** CSS custom property of a source's colour. */
export function sourceColour(name: string): string {
  return name === "utility" ? "--series-import" : typeColour(name);
}

/** The balance chart's series by name, in the order of its data. */
export function balanceNames(stack: Stack): string[] {
  return [
    "time",
    "ground",
    ...stack.above.map((layer) => layer.name),
    ...stack.below.map((layer) => `${layer.name} (taking)`),
    "low",
    "high",
    "metered demand",
    "need",
  ];
}

/** The balance chart's data; powers in MW or kW by `unit`. */
export function balanceData(picture: Picture, stack: Stack, unit: number): Data {
  const scale = (column: (number | null)[]): (number | null)[] =>
    column.map((kw) => (kw === null ? null : kw / unit));
  return [
    picture.at_s,
    picture.at_s.map(() => 0),
    ...stack.above.map((layer) => scale(layer.edge)),
    ...stack.below.map((layer) => scale(layer.edge)),
    scale(picture.low_kw),
    scale(picture.high_kw),
    scale(picture.demand_kw),
    scale(picture.need_kw),
  ] as Data;
}

/** A colour let through, 0 to 1. */
function veil(property: string, share: number): string {
  const [r, g, b] = rgb(colour(property));
  return `rgba(${r}, ${g}, ${b}, ${share})`;
}

/** Red, green and blue of a #rgb or #rrggbb colour. */
export function rgb(hex: string): [number, number, number] {
  const full = hex.length === 4 ? hex.slice(1).replace(/./g, "$&$&") : hex.slice(1);
  const value = Number.parseInt(full, 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

function timeAxis(zone: string, shown: boolean): uPlot.Axis {
  const hours = [1, 2, 3, 4, 6, 12].map((h) => h * HOUR_S);
  return {
    stroke: colour("--dim"),
    font: FONT,
    grid: { stroke: veil("--line", 0.7), width: 1 },
    ticks: { show: false },
    incrs: hours,
    space: 56,
    size: shown ? 26 : 4,
    values: (_, splits) => (shown ? splits.map((at) => minute(at * 1000, zone)) : splits.map(() => "")),
  };
}

function valueAxis(format: (value: number) => string, space: number): uPlot.Axis {
  return {
    stroke: colour("--dim"),
    font: FONT,
    size: AXIS_PX,
    gap: 6,
    space,
    grid: { stroke: veil("--line", 0.7), width: 1 },
    ticks: { show: false },
    values: (_, splits) => splits.map(format),
  };
}

/** From the first value, or at least an hour ago, to the last, or at least an hour ahead. */
function reach(picture: Picture): [number, number] {
  const { at_s, now_s } = picture;
  return [
    Math.min(at_s[0] ?? now_s, now_s - HOUR_S),
    Math.max(at_s.at(-1) ?? now_s, now_s + HOUR_S),
  ];
}

function base(make: typeof uPlot, zone: string, picture: () => Picture): Options {
  return {
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: {
      drag: { x: false, y: false, setScale: false },
      points: { show: false },
      y: false,
      sync: { key: "now" },
    },
    tzDate: (at: number) => make.tzDate(new Date(at * 1000), zone),
    scales: {
      x: {
        time: true,
        range: () => reach(picture()),
      },
    },
    series: [{}],
  };
}

/** The line at the present moment, with what lies ahead of it paler. */
function nowLine(u: uPlot, nowS: number, label: string): void {
  const { ctx, bbox } = u;
  const x = Math.round(u.valToPos(nowS, "x", true));
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colour("--text");
  ctx.lineWidth = 1.5 * ratio;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  if (label) {
    ctx.font = `600 ${12 * ratio}px system-ui, 'Liberation Sans', sans-serif`;
    const width = ctx.measureText(label).width + 10 * ratio;
    ctx.fillStyle = colour("--text");
    ctx.fillRect(x, bbox.top, width, 17 * ratio);
    ctx.fillStyle = colour("--panel");
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.fillText(label, x + 5 * ratio, bbox.top + 9 * ratio);
  }
  ctx.restore();
}

function paleFuture(u: uPlot, nowS: number): void {
  const { ctx, bbox } = u;
  const x = u.valToPos(nowS, "x", true);
  ctx.save();
  ctx.fillStyle = veil("--panel", 0.42);
  ctx.fillRect(x, bbox.top, bbox.left + bbox.width - x, bbox.height);
  ctx.restore();
}

/** Options of the balance chart.
 *
 * @param make uPlot itself; its step paths and its dates of a zone.
 * @param picture what is drawn now.
 * @param oncursor told the index under the pointer; null when it leaves.
 */
export function balanceOptions(
  make: typeof uPlot,
  stack: Stack,
  zone: string,
  unit: number,
  limit: () => number,
  picture: () => Picture,
  oncursor: (index: number | null) => void,
): Options {
  const paths = make.paths.stepped!({ align: 1 });
  const names = balanceNames(stack);
  const edges = stack.above.length;
  const ground = 1;
  const series: uPlot.Series[] = names.map((label) => ({
    label,
    paths,
    points: { show: false },
    stroke: "transparent",
    width: 0,
  }));
  const bands: uPlot.Band[] = [];
  const layers = [...stack.above, ...stack.below];
  layers.forEach(({ name }, n) => {
    const own = ground + 1 + n;
    const inner = n === 0 || n === edges ? ground : own - 1;
    const fill = veil(sourceColour(name), name === "utility" ? 0.5 : 0.85);
    series[own]!.stroke = colour("--panel");
    series[own]!.width = 1;
    bands.push({ series: n < edges ? [own, inner] : [inner, own], fill });
  });
  const low = names.indexOf("low");
  bands.push({ series: [low + 1, low], fill: veil("--series-demand", 0.09) });
  for (const edge of [low, low + 1]) {
    Object.assign(series[edge]!, { stroke: veil("--series-demand", 0.6), width: 1, dash: [5, 4] });
  }
  const need = names.length - 1;
  Object.assign(series[need]!, { stroke: colour("--series-demand"), width: 2.25 });
  Object.assign(series[need - 1]!, { stroke: colour("--series-demand"), width: 1, dash: [2, 3] });
  const shared = base(make, zone, picture);
  return {
    ...shared,
    scales: { ...shared.scales, y: { range: (_, min, max) => span(min, max, limit() / unit) } },
    axes: [timeAxis(zone, true), valueAxis((v) => number(v, v % 1 ? 1 : 0), 36)],
    series,
    bands,
    hooks: {
      drawSeries: [
        (u, index) => {
          if (index === low - 1) paleFuture(u, picture().now_s);
        },
      ],
      draw: [(u) => nowLine(u, picture().now_s, "now")],
      setCursor: [(u) => oncursor(u.cursor.idx ?? null)],
    },
  };
}

/** From a little below what is taken to a little above what is given. */
function span(min: number, max: number, least: number): [number, number] {
  const top = Math.max(max, least * 0.1, 0.001);
  return [min < 0 ? min * 1.15 : 0, top * 1.06];
}

/** Options of the price strip under the balance.
 *
 * @param marks costs to mark, USD/MWh, with their words.
 */
export function priceOptions(
  make: typeof uPlot,
  zone: string,
  picture: () => Picture,
  marks: () => { usd: number; label: string; type: string }[],
  oncursor: (index: number | null) => void,
): Options {
  const paths = make.paths.stepped!({ align: 1 });
  const shared = base(make, zone, picture);
  return {
    ...shared,
    padding: [6, 18, 4, 0],
    scales: {
      ...shared.scales,
      y: {
        range: (_, min, max) => {
          const low = Math.min(min ?? 0, 0);
          const high = Math.max((max ?? 0) * 1.2, low + 10);
          // The cheapest cost is in sight while it is not far: how near the price comes to it.
          const cheapest = Math.min(...marks().map(({ usd }) => usd)) * 1.2;
          return [low, cheapest < high * FAR ? Math.max(high, cheapest) : high];
        },
      },
    },
    axes: [timeAxis(zone, false), valueAxis((v) => number(v), 24)],
    series: [
      {},
      {
        label: "price",
        paths,
        points: { show: false },
        stroke: colour("--series-price"),
        width: 1.75,
        fill: veil("--series-price", 0.14),
      },
      ...["price low", "price high"].map((label) => ({
        label,
        paths,
        points: { show: false },
        stroke: veil("--series-price", 0.75),
        width: 1,
        dash: [5, 4],
      })),
    ],
    bands: [{ series: [3, 2] as [number, number], fill: veil("--series-price", 0.22) }],
    hooks: {
      draw: [
        (u) => {
          drawMarks(u, marks());
          nowLine(u, picture().now_s, "");
        },
      ],
      setCursor: [(u) => oncursor(u.cursor.idx ?? null)],
    },
  };
}

function drawMarks(u: uPlot, marks: { usd: number; label: string; type: string }[]): void {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const right = bbox.left + bbox.width;
  const lines = [...marks]
    .sort((a, b) => a.usd - b.usd)
    .map((mark) => ({ ...mark, y: Math.round(u.valToPos(mark.usd, "y", true)) }))
    .filter(({ y }) => y >= bbox.top && y <= bbox.top + bbox.height);
  ctx.save();
  ctx.lineWidth = 1.25 * ratio;
  ctx.setLineDash([5 * ratio, 4 * ratio]);
  for (const { y, type } of lines) {
    ctx.strokeStyle = colour(sourceColour(type));
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(right, y);
    ctx.stroke();
  }
  ctx.font = `${11 * ratio}px system-ui, 'Liberation Sans', sans-serif`;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "right";
  let [taken, edge] = [Infinity, right];
  for (const { y, label } of lines) {
    const width = ctx.measureText(label).width + 8 * ratio;
    // Where lines are close, their labels stand side by side, on the line that is told first.
    if (taken - y < 13 * ratio) edge -= width;
    else [taken, edge] = [y, right - width];
    if (edge < bbox.left) continue;
    const foot = Math.max(taken, bbox.top + 14 * ratio);
    ctx.fillStyle = veil("--panel", 0.85);
    ctx.fillRect(edge, foot - 14 * ratio, width, 13 * ratio);
    ctx.fillStyle = colour("--dim");
    ctx.fillText(label, edge + width - 4 * ratio, foot - 1);
  }
  ctx.restore();
}
