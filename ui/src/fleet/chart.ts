// What uPlot is told to draw of one device; colours are read from the theme.

import type uPlot from "uplot";
import { minute } from "../lib/format";
import { colour } from "../lib/theme.svelte";

type Options = Omit<uPlot.Options, "width" | "height">;

/** Width of the value axis, so that charts and the strip of states stand under each other, px. */
export const AXIS_PX = 56;
/** Room at the right end, px. */
export const END_PX = 12;
const FONT = "12px system-ui, 'Liberation Sans', sans-serif";
const HOUR_S = 3600;

export interface Frame {
  from_ms: number;
  to_ms: number;
  now_ms: number;
  zone: string;
  /** Least height of the value axis: a machine at rest is a line at 0, not noise. */
  least: number;
}

function axes(frame: () => Frame, unit: string): uPlot.Axis[] {
  const grid = { stroke: colour("--line"), width: 1 };
  const common = { stroke: colour("--dim"), font: FONT, grid, ticks: { show: false } };
  return [
    {
      ...common,
      incrs: [0.1, 0.25, 0.5, 1, 2, 3, 4, 6, 12].map((h) => h * HOUR_S),
      space: 60,
      size: 26,
      values: (_, splits) => splits.map((at) => minute(at * 1000, frame().zone)),
    },
    {
      ...common,
      size: AXIS_PX,
      space: 34,
      values: (_, splits) =>
        splits.map((value, n) => `${value.toLocaleString("en-US")}${n === splits.length - 1 ? ` ${unit}` : ""}`),
    },
  ];
}

/** A line where the present is; what stands right of it has not happened. */
function present(frame: () => Frame): (chart: uPlot) => void {
  return (chart) => {
    const { now_ms, to_ms } = frame();
    if (now_ms >= to_ms) return;
    const x = Math.round(chart.valToPos(now_ms / 1000, "x", true));
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.strokeStyle = colour("--dim");
    ctx.setLineDash([2, 3]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  };
}

function common(frame: () => Frame, unit: string): Omit<Options, "series"> {
  return {
    padding: [8, END_PX, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: {
      x: { time: true, range: () => [frame().from_ms / 1000, frame().to_ms / 1000] },
      y: {
        range: (_, low, high) => {
          const bottom = Math.min(0, low ?? 0);
          const top = Math.max(0, high ?? 0);
          if (top - bottom < frame().least) return [bottom, bottom + frame().least];
          const room = (top - bottom) * 0.06;
          return [bottom < 0 ? bottom - room : 0, top + room];
        },
      },
    },
    axes: axes(frame, unit),
    hooks: { draw: [present(frame)] },
  };
}

/** Measured, asked for and planned power, kW. */
export function powerOptions(frame: () => Frame, stepped: uPlot.Series.PathBuilder): Options {
  return {
    ...common(frame, "kW"),
    series: [
      {},
      { label: "measured", stroke: colour("--series-demand"), width: 2, points: { show: false } },
      {
        label: "setpoint",
        stroke: colour("--state-charging"),
        width: 1.5,
        dash: [6, 4],
        paths: stepped,
        points: { show: false },
      },
      {
        label: "plan",
        stroke: colour("--series-plan"),
        width: 1.5,
        dash: [2, 3],
        paths: stepped,
        points: { show: false },
      },
    ],
  };
}

/** Fuel or energy, and what is kept back of it. */
export function levelOptions(frame: () => Frame, unit: string): Options {
  return {
    ...common(frame, unit),
    series: [
      {},
      { label: "held", stroke: colour("--series-demand"), width: 2, points: { show: false } },
      { label: "kept back", stroke: colour("--bad"), width: 1.5, dash: [6, 4], points: { show: false } },
    ],
  };
}
