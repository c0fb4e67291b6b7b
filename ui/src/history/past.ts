// What the center tells of the past, and how it becomes what the pages show.

import type { Picture } from "../now/balance";
import type { TrendDocument } from "../now/trend";
import { TYPES } from "../lib/states";
import type {
  AlarmRow,
  AreaRow,
  CommandRow,
  DecisionRow,
  ForecastRow,
  PlantHead,
} from "../lib/types";

type Column = (number | null)[];

export interface Mark {
  at_ms: number;
  kind: string;
  subject: string;
  text: string;
}

export interface Span {
  fleet: string;
  time_zone: string;
  first_ms: number;
  last_ms: number;
  cycles: number;
  sessions: { at_ms: number; software: string }[];
  marks: Mark[];
  marks_from_ms: number;
  marks_complete: boolean;
}

/** An area's balance from the cycle's own record. */
export interface Outline {
  area: string;
  demand_kw: number;
  losses_kw: number;
  generation_kw: number;
  import_kw: number;
  reserve_kw?: number;
  largest_unit_kw?: number;
  shortfall_kw?: number;
  lolp?: number;
}

export interface StateRow {
  type: string;
  state: string;
  count: number;
  power_kw: number;
}

export interface Moment {
  asked_ms: number;
  at_ms: number;
  time_zone: string;
  exact: boolean;
  progress: number;
  left_s: number | null;
  failed: string;
  lacks: string[];
  outline: Outline[];
  plant: PlantHead | null;
  balance: AreaRow[];
  forecast: ForecastRow[];
  alarms: AlarmRow[];
  decisions: DecisionRow[];
  commands: CommandRow[];
  states: StateRow[];
}

export interface Series {
  area: string;
  demand_kw: Column;
  losses_kw: Column;
  generation_kw: Column;
  generation_kw_by_type: Record<string, Column>;
  import_kw: Column;
  shortfall_kw: Column;
  price_usd_per_mwh: Column;
}

export interface Trend {
  at_ms: number[];
  areas: Series[];
}

export interface Happening {
  at_ms: number;
  kind: string;
  subject: string;
  text: string;
  outcome: string;
  outcome_at_ms: number | null;
}

export interface DeviceFigures {
  device: string;
  type: string;
  site: string;
  area: string;
  generation_kwh: number;
  charging_kwh: number;
  fuel: number;
  fuel_unit: string;
  starts: number;
  failed_starts: number;
  run_h: number;
  expense_usd: number;
}

export interface EventFigures {
  hours: number;
  cycles: number;
  demand_kwh: number;
  served_kwh: number;
  unserved_kwh: number;
  generation_kwh: number;
  generation_kwh_by_type: Record<string, number>;
  charging_kwh: number;
  import_kwh: number;
  export_kwh: number;
  losses_kwh: number;
  curtailed_kwh: number;
  fuel_by_fuel: Record<string, { amount: number; unit: string; energy_kwh: number; usd: number }>;
  starts: number;
  failed_starts: number;
  substitutions: number;
  commands: number;
  acknowledged: number;
  refused_by_site: number;
  expired: number;
  done: number;
  failed: number;
  operating_expense_usd: number;
  lolp_max: number;
  shortfall_kwh: number;
  outages: number;
  outage_h: number;
  unserved: { kind: string; where: string; since: string; until: string; kwh: number; cause: string }[];
  devices: DeviceFigures[];
}

export interface EventReport {
  fleet: string;
  currency: string;
  time_zone: string;
  software: string[];
  from_ms: number;
  until_ms: number;
  figures: EventFigures;
  happenings: Happening[];
  happenings_left_out: number;
  devices_left_out: number;
  series: Trend;
}

/** Columns of some areas added up; a moment of which one area knows nothing is unknown. */
export function sum(areas: readonly Series[], of: (series: Series) => Column | undefined): Column {
  const length = Math.max(0, ...areas.map((one) => one.demand_kw.length));
  return Array.from({ length }, (_, k) => {
    let total: number | null = areas.length ? 0 : null;
    for (const one of areas) {
      const value = of(one)?.[k] ?? null;
      total = total === null || value === null ? null : total + value;
    }
    return total;
  });
}

/** The mean of the areas' prices that are known. */
export function meanPrice(areas: readonly Series[]): Column {
  const length = Math.max(0, ...areas.map((one) => one.demand_kw.length));
  return Array.from({ length }, (_, k) => {
    const known = areas.flatMap((one) => one.price_usd_per_mwh[k] ?? []);
    return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
  });
}

function byType(areas: readonly Series[]): Record<string, Column> {
  const types = new Set(areas.flatMap((one) => Object.keys(one.generation_kw_by_type)));
  const found: Record<string, Column> = {};
  for (const type of types) {
    found[type] = sum(areas, (one) => one.generation_kw_by_type[type] ?? one.demand_kw.map((kw) => (kw === null ? null : 0)));
  }
  return found;
}

function wanted(trend: Trend, area: string): Series[] {
  return area ? trend.areas.filter((one) => one.area === area) : trend.areas;
}

/** Series at uneven instants as columns at even ones: each takes the last value of its step. */
export function evenly(trend: Trend, area: string, startMs: number, stepS: number, count: number): TrendDocument {
  const areas = wanted(trend, area);
  const stepMs = stepS * 1000;
  const place = Array.from({ length: count }, (_, k) => {
    const end = startMs + (k + 1) * stepMs;
    const at = trend.at_ms.findLastIndex((ms) => ms < end);
    return at >= 0 && trend.at_ms[at]! >= end - 2 * stepMs ? at : -1;
  });
  const pick = (column: Column): Column => place.map((at) => (at < 0 ? null : (column[at] ?? null)));
  const types = Object.entries(byType(areas)).map(([type, column]) => [type, pick(column)] as const);
  return {
    at_ms: startMs + count * stepMs,
    area,
    start_ms: startMs,
    step_s: stepS,
    demand_kw: pick(sum(areas, (one) => one.demand_kw)),
    losses_kw: pick(sum(areas, (one) => one.losses_kw)),
    import_kw: pick(sum(areas, (one) => one.import_kw)),
    reserve_kw: place.map(() => null),
    shortfall_kw: pick(sum(areas, (one) => one.shortfall_kw)),
    price_usd_per_mwh: pick(meanPrice(areas)),
    generation_kw_by_type: Object.fromEntries(types),
  };
}

/** A window's series as the picture that the balance chart draws; nothing of it lies ahead. */
export function windowPicture(trend: Trend): Picture {
  const areas = trend.areas;
  const types = byType(areas);
  const noted = Object.keys(types).length > 0;
  const told = sum(areas, (one) => one.import_kw);
  const known = TYPES.filter((type) => types[type]?.some((kw) => kw !== null && Math.abs(kw) > 0.05));
  const unknown = told.map(() => null);
  const demand = sum(areas, (one) => one.demand_kw);
  const losses = sum(areas, (one) => one.losses_kw);
  return {
    at_s: trend.at_ms.map((ms) => ms / 1000),
    now_s: (trend.at_ms.at(-1) ?? 0) / 1000,
    sources: [
      ...(noted ? known.map((name) => ({ name: name as string, kw: types[name]! })) : []),
      ...(noted ? [] : [{ name: "own_devices", kw: sum(areas, (one) => one.generation_kw) }]),
      { name: "utility", kw: told },
    ],
    demand_kw: demand,
    need_kw: demand.map((kw, k) => (kw === null || (losses[k] ?? null) === null ? null : kw + losses[k]!)),
    low_kw: unknown,
    high_kw: unknown,
    price: meanPrice(areas),
    price_low: unknown,
    price_high: unknown,
  };
}

/** Kinds of marks, the gravest first, with the word people read. */
export const KINDS = [
  ["failure", "failure"],
  ["shortfall", "shortfall"],
  ["outage", "outage"],
  ["command", "operator's command"],
  ["replacement", "replacement"],
  ["session", "center began"],
  ["start", "start"],
] as const;

export function kindWord(kind: string): string {
  return KINDS.find(([name]) => name === kind)?.[1] ?? kind;
}

export interface Cluster {
  at_ms: number;
  kind: string;
  marks: Mark[];
}

/** Marks that would stand on each other as one, of the gravest kind among them. */
export function clusters(marks: readonly Mark[], fromMs: number, untilMs: number, most: number): Cluster[] {
  const width = Math.max(1, (untilMs - fromMs) / most);
  const found = new Map<number, Mark[]>();
  for (const mark of marks) {
    if (mark.at_ms < fromMs || mark.at_ms > untilMs) continue;
    const place = Math.floor((mark.at_ms - fromMs) / width);
    const there = found.get(place);
    if (there) there.push(mark);
    else found.set(place, [mark]);
  }
  const rank = (kind: string): number => {
    const at = KINDS.findIndex(([name]) => name === kind);
    return at < 0 ? KINDS.length : at;
  };
  return [...found.values()].map((there) => {
    const gravest = there.reduce((a, b) => (rank(b.kind) < rank(a.kind) ? b : a));
    return { at_ms: gravest.at_ms, kind: gravest.kind, marks: there };
  });
}

/** The next mark after an instant, or the last before it. */
export function neighbour(marks: readonly Mark[], atMs: number, forward: boolean): Mark | undefined {
  return forward ? marks.find((mark) => mark.at_ms > atMs) : marks.findLast((mark) => mark.at_ms < atMs);
}

/** So long without a mark ends an event, ms; what is told before its first and after its last. */
const QUIET_MS = 10 * 60_000;
const LEAD_MS = 5 * 60_000;
const TAIL_MS = 10 * 60_000;

/** The window of the event that is nearest to an instant; null: nothing was notable. */
export function eventAround(marks: readonly Mark[], atMs: number, span: Span): [number, number] | null {
  const notable = marks.filter((mark) => mark.kind !== "session");
  if (!notable.length) return null;
  const away = (mark: Mark): number => Math.abs(mark.at_ms - atMs);
  let first = notable.reduce((best, mark, n) => (away(mark) < away(notable[best]!) ? n : best), 0);
  let last = first;
  while (first > 0 && notable[first]!.at_ms - notable[first - 1]!.at_ms <= QUIET_MS) first -= 1;
  while (last + 1 < notable.length && notable[last + 1]!.at_ms - notable[last]!.at_ms <= QUIET_MS) last += 1;
  return [
    Math.max(span.first_ms, notable[first]!.at_ms - LEAD_MS),
    Math.min(span.last_ms, notable[last]!.at_ms + TAIL_MS),
  ];
}

/** Where an end of a window goes when it is moved: within the slider's range, never past the other. */
export function movedEnd(
  window: readonly [number, number],
  which: 0 | 1,
  toMs: number,
  range: readonly [number, number],
): [number, number] {
  const at = Math.round(Math.min(Math.max(toMs, range[0]), range[1]) / 1000) * 1000;
  return which === 0
    ? [Math.min(at, window[1] - 60_000), window[1]]
    : [window[0], Math.max(at, window[0] + 60_000)];
}

/** The part of the journal that a slider shows, around an instant; never beyond what there is. */
export function range(span: Span, lengthMs: number, atMs: number): [number, number] {
  const whole = Math.max(1000, span.last_ms - span.first_ms);
  if (lengthMs <= 0 || lengthMs >= whole) return [span.first_ms, Math.max(span.last_ms, span.first_ms + 1000)];
  const from = Math.min(Math.max(atMs - lengthMs / 2, span.first_ms), span.last_ms - lengthMs);
  return [Math.round(from), Math.round(from + lengthMs)];
}
