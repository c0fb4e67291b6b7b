// Past, present and plan on one time axis: who gave how much, and what was needed.

import { TYPES } from "../lib/states";
import type { AreaRow, ForecastRow } from "../lib/types";
import type { TrendDocument } from "./trend";

type Column = (number | null)[];

/** How far the picture reaches, ms. */
export const PAST_MS = 6 * 3_600_000;
export const AHEAD_MS = 24 * 3_600_000;
/** What is never more than noise in a stack, kW. */
const NOISE_KW = 0.05;

/** Everything on one axis. Powers in kW; below zero: charging, or export. */
export interface Picture {
  /** Instants, s since 1970; a value holds until the next. */
  at_s: number[];
  now_s: number;
  /** Sources from the ground up: device types, then the utility. */
  sources: { name: string; kw: Column }[];
  /** Metered demand; past only. */
  demand_kw: Column;
  /** What sources had to meet: demand with losses, as measured and then as forecast (median). */
  need_kw: Column;
  /** The forecast's 10 and 90 % quantiles; future only. */
  low_kw: Column;
  high_kw: Column;
  price: Column;
  /** The price forecast's 5 and 95 % quantiles; future only. */
  price_low: Column;
  price_high: Column;
}

/** Layers of a stack: each one's outer edge, from the ground outwards. */
export interface Stack {
  above: { name: string; edge: Column }[];
  below: { name: string; edge: Column }[];
}

/** One area, or all of them as one. Prices and frequencies are those of the first. */
export interface Whole {
  demand_kw: number;
  estimated_kw: number;
  losses_kw: number;
  generation_kw: number;
  /** What own devices give, and what stores take in to charge: their difference is the generation. */
  given_kw: number;
  charging_kw: number;
  by_type: Record<string, number>;
  import_kw: number;
  import_limit_kw: number;
  export_limit_kw: number;
  shortfall_kw: number;
  lolp: number;
  price: number | null;
}

/** Add areas up. LOLP is the odds that any of them falls short, taken as independent. */
export function whole(areas: readonly AreaRow[]): Whole {
  const sum = (of: (area: AreaRow) => number): number => areas.reduce((kw, area) => kw + of(area), 0);
  const by_type: Record<string, number> = {};
  for (const area of areas) {
    for (const [type, kw] of Object.entries(area.generation_kw_by_type)) {
      by_type[type] = (by_type[type] ?? 0) + kw;
    }
  }
  const parts = areas.flatMap((area) => Object.values(area.generation_kw_by_type));
  const prices = areas.flatMap((area) => area.rates?.price_usd_per_mwh ?? []);
  return {
    demand_kw: sum((area) => area.demand_kw),
    estimated_kw: sum((area) => area.estimated_kw),
    losses_kw: sum((area) => area.losses_kw),
    generation_kw: sum((area) => area.generation_kw),
    given_kw: parts.reduce((kw, part) => kw + Math.max(part, 0), 0),
    charging_kw: parts.reduce((kw, part) => kw + Math.max(-part, 0), 0),
    by_type,
    import_kw: sum((area) => area.import_kw),
    import_limit_kw: sum((area) => area.import_limit_kw),
    export_limit_kw: sum((area) => area.export_limit_kw),
    shortfall_kw: sum((area) => area.shortfall_kw),
    lolp: 1 - areas.reduce((served, area) => served * (1 - area.lolp), 1),
    price: prices.length ? prices.reduce((a, b) => a + b, 0) / prices.length : null,
  };
}

/** Forecasts of several areas as one; null when there is none or their intervals differ. */
export function together(rows: readonly ForecastRow[]): ForecastRow | null {
  const [first, ...rest] = rows.filter((row) => row.forecast_start_ms > 0 && row.forecast_kw.length);
  if (!first) return null;
  const same = (row: ForecastRow): boolean =>
    row.forecast_start_ms === first.forecast_start_ms && row.forecast_step_s === first.forecast_step_s;
  if (!rest.every(same)) return null;
  const all = [first, ...rest];
  const sum = (of: (row: ForecastRow) => number[] | undefined): number[] => {
    const length = Math.max(...all.map((row) => of(row)?.length ?? 0));
    return Array.from({ length }, (_, k) => all.reduce((kw, row) => kw + (of(row)?.[k] ?? 0), 0));
  };
  const types = new Set(all.flatMap((row) => Object.keys(row.planned_kw_by_type ?? {})));
  const priced = all.filter((row) => row.forecast_price_usd_per_mwh?.length).length;
  const mean = (of: (row: ForecastRow) => number[] | undefined): number[] =>
    sum(of).map((total) => total / Math.max(priced, 1));
  return {
    ...first,
    id: "",
    forecast_kw: sum((row) => row.forecast_kw),
    forecast_low_kw: sum((row) => row.forecast_low_kw),
    forecast_high_kw: sum((row) => row.forecast_high_kw),
    planned_generation_kw: sum((row) => row.planned_generation_kw),
    planned_import_kw: sum((row) => row.planned_import_kw),
    planned_kw_by_type: Object.fromEntries(
      [...types].map((type) => [type, sum((row) => row.planned_kw_by_type?.[type])]),
    ),
    forecast_price_usd_per_mwh: mean((row) => row.forecast_price_usd_per_mwh),
    forecast_price_low_usd_per_mwh: mean((row) => row.forecast_price_low_usd_per_mwh),
    forecast_price_high_usd_per_mwh: mean((row) => row.forecast_price_high_usd_per_mwh),
    price_source: all.find((row) => row.price_source?.model)?.price_source ?? first.price_source,
  };
}

/** Start of the forecast's interval that holds an instant, ms: what comes first in its columns. */
export function intervalStart(row: ForecastRow, nowMs: number): number {
  const stepMs = row.forecast_step_s * 1000;
  const passed = Math.floor((nowMs - row.forecast_start_ms) / stepMs);
  return row.forecast_start_ms + Math.max(passed, 0) * stepMs;
}

/** Put what was, what is and what is planned on one axis. */
export function picture(
  trend: TrendDocument | null,
  now: Whole,
  nowMs: number,
  forecast: ForecastRow | null,
): Picture {
  const at: number[] = [];
  const rows: (() => Sample)[] = [];
  const stepMs = (trend?.step_s ?? 60) * 1000;
  const past = trend?.area !== undefined ? trend.demand_kw.length : 0;
  for (let k = 0; k < past; k += 1) {
    const ms = trend!.start_ms + k * stepMs;
    if (ms < nowMs - PAST_MS || ms >= nowMs) continue;
    at.push(ms);
    rows.push(() => pastSample(trend!, k));
  }
  const here = Math.max(nowMs - (nowMs % stepMs), (at.at(-1) ?? 0) + 1000);
  at.push(Math.min(here, nowMs));
  rows.push(() => present(now));
  if (forecast) planned(forecast, nowMs, at, rows);
  const samples = rows.map((row) => row());
  return columns(at, samples, nowMs);
}

interface Sample {
  by_type: Record<string, number | null>;
  grid: number | null;
  demand: number | null;
  need: number | null;
  low: number | null;
  high: number | null;
  price: number | null;
  price_low: number | null;
  price_high: number | null;
}

function pastSample(trend: TrendDocument, k: number): Sample {
  const demand = trend.demand_kw[k] ?? null;
  const losses = trend.losses_kw[k] ?? null;
  const by_type: Record<string, number | null> = {};
  for (const [type, column] of Object.entries(trend.generation_kw_by_type)) {
    by_type[type] = column[k] ?? null;
  }
  return {
    by_type,
    grid: trend.import_kw[k] ?? null,
    demand,
    need: demand === null || losses === null ? null : demand + losses,
    low: null,
    high: null,
    price: trend.price_usd_per_mwh[k] ?? null,
    price_low: null,
    price_high: null,
  };
}

function present(now: Whole): Sample {
  return {
    by_type: now.by_type,
    grid: now.import_kw,
    demand: now.demand_kw,
    need: now.demand_kw + now.losses_kw,
    low: null,
    high: null,
    price: now.price,
    price_low: null,
    price_high: null,
  };
}

function planned(row: ForecastRow, nowMs: number, at: number[], rows: (() => Sample)[]): void {
  const stepMs = row.forecast_step_s * 1000;
  const first = intervalStart(row, nowMs);
  const count = row.forecast_kw.length;
  const sample = (k: number): Sample => ({
    by_type: Object.fromEntries(
      Object.entries(row.planned_kw_by_type ?? {}).map(([type, kw]) => [type, kw[k] ?? null]),
    ),
    grid: row.planned_import_kw[k] ?? null,
    demand: null,
    need: row.forecast_kw[k] ?? null,
    low: row.forecast_low_kw[k] ?? null,
    high: row.forecast_high_kw[k] ?? null,
    price: row.forecast_price_usd_per_mwh?.[k] ?? null,
    price_low: row.forecast_price_low_usd_per_mwh?.[k] ?? null,
    price_high: row.forecast_price_high_usd_per_mwh?.[k] ?? null,
  });
  for (let k = 0; k < count; k += 1) {
    const ms = k === 0 ? Math.max(nowMs, at.at(-1)! + 1) : first + k * stepMs;
    if (ms >= nowMs + AHEAD_MS) break;
    at.push(ms);
    rows.push(() => sample(k));
  }
  const last = Math.min(first + count * stepMs, nowMs + AHEAD_MS);
  const held = Math.max(0, Math.min(count - 1, Math.ceil((last - first) / stepMs) - 1));
  if (last > at.at(-1)!) {
    at.push(last);
    rows.push(() => sample(held));
  }
}

function columns(at: number[], samples: Sample[], nowMs: number): Picture {
  const seen = new Set<string>();
  for (const sample of samples) {
    for (const [type, kw] of Object.entries(sample.by_type)) {
      if (kw !== null && Math.abs(kw) > NOISE_KW) seen.add(type);
    }
  }
  const known = [...TYPES.filter((type) => seen.delete(type)), ...[...seen].sort()];
  const told = (sample: Sample): boolean => sample.grid !== null;
  return {
    at_s: at.map((ms) => ms / 1000),
    now_s: nowMs / 1000,
    sources: [
      ...known.map((name) => ({
        name,
        kw: samples.map((one) => (told(one) ? (one.by_type[name] ?? 0) : null)),
      })),
      { name: "utility", kw: samples.map((one) => one.grid) },
    ],
    demand_kw: samples.map((one) => one.demand),
    need_kw: samples.map((one) => one.need),
    low_kw: samples.map((one) => one.low),
    high_kw: samples.map((one) => one.high),
    price: samples.map((one) => one.price),
    price_low: samples.map((one) => one.price_low),
    price_high: samples.map((one) => one.price_high),
  };
}

/** Pile sources up: what they give above the ground, what they take below it. */
export function stack(sources: Picture["sources"]): Stack {
  const pile = (part: (kw: number) => number): { name: string; edge: Column }[] => {
    let ground: Column = sources[0]?.kw.map((kw) => (kw === null ? null : 0)) ?? [];
    const layers = [];
    for (const { name, kw } of sources) {
      if (!kw.some((value) => value !== null && Math.abs(part(value)) > NOISE_KW)) continue;
      ground = ground.map((base, k) => {
        const value = kw[k] ?? null;
        return base === null || value === null ? null : base + part(value);
      });
      layers.push({ name, edge: ground });
    }
    return layers;
  };
  return { above: pile((kw) => Math.max(kw, 0)), below: pile((kw) => Math.min(kw, 0)) };
}
