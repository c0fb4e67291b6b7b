// The picture in words: is demand met, what comes next, what the price means.

import { number, percent, power, words } from "../lib/format";
import type { AlarmRow, AreaRow, ForecastRow, PriceSource } from "../lib/types";
import { intervalStart } from "./balance";

/** Generators of one type at about one cost, as the center tallies them. */
export interface CostStep {
  usd_per_mwh: number;
  type: string;
  devices: number;
  on: number;
  available_kw: number;
  power_kw: number;
  device: string;
}

/** Generators of one type against the price. */
export interface PriceClass {
  type: string;
  devices: number;
  on: number;
  barred: number;
  from_usd_per_mwh: number | null;
  to_usd_per_mwh: number | null;
  why: string;
  /** Of stores only: the highest price below which one charges. */
  charge_below_usd_per_mwh?: number | null;
}

export interface TallyRow {
  type: string;
  state: string;
  devices: number;
  power_kw: number;
  rated_kw: number;
}

export interface Tallies {
  at_ms: number;
  area: string;
  rows: TallyRow[];
  steps: CostStep[];
  classes?: PriceClass[];
}

export type Tone = "good" | "warn" | "bad" | "old";

export interface Verdict {
  tone: Tone;
  headline: string;
  detail: string;
}

/** Below this a shortfall or lack is rounding, kW. */
const LEAST_KW = 0.5;
/** From this share of its limit on an import is close to it. */
export const CLOSE = 0.9;

/** How far an area's reserve goes beyond the loss of its largest unit, kW. */
export function margin(area: AreaRow): number {
  return area.reserve_kw - area.largest_unit_kw;
}

/** The area that could bear the loss of its largest unit least. */
export function tightest(areas: readonly AreaRow[]): AreaRow | undefined {
  return areas.reduce<AreaRow | undefined>(
    (worst, area) => (worst === undefined || margin(area) < margin(worst) ? area : worst),
    undefined,
  );
}

function name(area: AreaRow): string {
  return area.name || area.id;
}

/** Sites whose own backup is not there although they need it now. */
export function unbacked(alarms: readonly Pick<AlarmRow, "id" | "severity" | "subject">[]): string[] {
  const grave = alarms.filter(
    ({ id, severity }) => severity === "critical" && /^(site|outage):/.test(id),
  );
  return [...new Set(grave.map((alarm) => alarm.subject))];
}

/** Whether demand is met, said once and plainly; the worst thing first.
 *
 * @param dark sites whose own backup failed them, from `unbacked`.
 */
export function verdict(
  areas: readonly AreaRow[],
  mode: string,
  dark: readonly string[] = [],
): Verdict {
  if (!areas.length) {
    return { tone: "warn", headline: "No balance yet", detail: "The center has not heard its sites." };
  }
  const short = areas.filter((area) => area.shortfall_kw > LEAST_KW);
  if (short.length) {
    const kw = short.reduce((sum, area) => sum + area.shortfall_kw, 0);
    const detail = short.map((area) => `${name(area)}: ${area.shortfall_cause || "cause not known"}`);
    return { tone: "bad", headline: `Demand is short by ${power(kw)}`, detail: detail.join("; ") };
  }
  if (dark.length) {
    return {
      tone: "bad",
      headline: `${dark.length === 1 ? "1 site has" : `${dark.length} sites have`} no backup`,
      detail: `${dark.slice(0, 5).join(", ")}${dark.length > 5 ? " and others" : ""}: see the alarms. All else is met.`,
    };
  }
  const dead = areas.filter((area) => !area.energised);
  const worst = tightest(areas);
  if (dead.length) {
    return {
      tone: "warn",
      headline: "Demand is met without the utility",
      detail: `No supply from the utility in ${dead.map(name).join(", ")}.`,
    };
  }
  if (mode !== "commanding") {
    return {
      tone: "warn",
      headline: "Demand is met, the center does not command",
      detail: "Sites act on their own until it does.",
    };
  }
  if (worst && worst.largest_unit_kw > 0 && margin(worst) < -LEAST_KW) {
    return {
      tone: "warn",
      headline: "Demand is met, reserve is thin",
      detail: `${name(worst)} lacks ${power(-margin(worst))} to bear the loss of ${worst.largest_unit}.`,
    };
  }
  const old = areas.filter((area) => area.quality !== "good");
  if (old.length) {
    return {
      tone: "warn",
      headline: "Demand is met as far as is known",
      detail: `Import is estimated in ${old.map(name).join(", ")}: no word of the connection.`,
    };
  }
  return {
    tone: "good",
    headline: "Demand is met",
    detail: "Every area could bear the loss of its largest unit.",
  };
}

/** What can be said when the center has not been heard for a while: nothing of now.
 *
 * @param since when it was last heard, in plant time.
 */
export function withdrawn(since: string): Verdict {
  return {
    tone: "old",
    headline: `Unknown since ${since}`,
    detail: "Whether demand is met is not known: the center has not been heard.",
  };
}

export interface Event {
  at_ms: number;
  text: string;
  tone: Tone | "";
}

/** What the plan and the forecast hold for the next day, in order of time.
 *
 * @param limitKw most the area may import, kW.
 */
export function ahead(row: ForecastRow | null, limitKw: number, nowMs: number): Event[] {
  if (!row) return [];
  const first = intervalStart(row, nowMs);
  const at = (k: number): number => Math.max(nowMs, first + k * row.forecast_step_s * 1000);
  const events: Event[] = [];
  const peak = row.forecast_kw.indexOf(Math.max(...row.forecast_kw));
  if (peak > 0) {
    const [low, high] = [row.forecast_low_kw[peak], row.forecast_high_kw[peak]];
    const band = low !== undefined && high !== undefined ? `, ${power(low, high)} to ${power(high)}` : "";
    const text = `demand peaks at ${power(row.forecast_kw[peak], high)}${band}`;
    events.push({ at_ms: at(peak), tone: "", text });
  }
  events.push(...tight(row, limitKw, at), ...turns(row, at), ...dear(row, at));
  return events.sort((a, b) => a.at_ms - b.at_ms);
}

/** The first stretch in which the plan draws nearly all that may be drawn. */
function tight(row: ForecastRow, limitKw: number, at: (k: number) => number): Event[] {
  if (limitKw <= 0) return [];
  const start = row.planned_import_kw.findIndex((kw) => kw >= CLOSE * limitKw);
  if (start < 0) return [];
  const share = Math.max(...row.planned_import_kw) / limitKw;
  return [
    {
      at_ms: at(start),
      tone: share > 1.001 ? "bad" : "warn",
      text: `import comes close to its limit: up to ${percent(share)} of ${power(limitKw)}`,
    },
  ];
}

/** When each type is first started, stopped or turned round by the plan. */
function turns(row: ForecastRow, at: (k: number) => number): Event[] {
  const events: Event[] = [];
  for (const [type, kw] of Object.entries(row.planned_kw_by_type ?? {})) {
    // Sun comes and goes; only what is decided is told.
    if (type === "photovoltaic" || type === "wind_turbine") continue;
    const mode = (value: number): -1 | 0 | 1 => (value > 1 ? 1 : value < -1 ? -1 : 0);
    const began = mode(kw[0] ?? 0);
    const k = kw.findIndex((value) => mode(value) !== began);
    if (k < 0) continue;
    const next = mode(kw[k]!);
    const end = kw.findIndex((value, i) => i > k && mode(value) !== next);
    const stretch = kw.slice(k, end < 0 ? undefined : end);
    const most = Math.max(...stretch.map(Math.abs));
    const store = kw.some((value) => value < -1);
    const what =
      next === 0
        ? store ? "rest" : "stop"
        : next > 0
          ? `${store ? "discharge" : "start"}, up to ${power(most)}`
          : `charge, up to ${power(most)}`;
    events.push({ at_ms: at(k), tone: "", text: `${words(type)}: ${what}` });
  }
  return events;
}

/** When energy is dearest. */
function dear(row: ForecastRow, at: (k: number) => number): Event[] {
  const prices = row.forecast_price_usd_per_mwh ?? [];
  if (!prices.length) return [];
  const most = Math.max(...prices);
  const k = prices.indexOf(most);
  if (k === 0 || most - Math.min(...prices) < 1) return [];
  return [{ at_ms: at(k), tone: "", text: `energy is dearest at ${number(most, 2)} USD/MWh` }];
}

/** What the price means for the generators, in one or two sentences. */
export function priceWords(price: number | null, steps: readonly CostStep[], most: number | null): string {
  if (price === null) return "The market has not been heard; 60 USD/MWh is assumed.";
  const count = (of: readonly CostStep[], what: (step: CostStep) => number): number =>
    of.reduce((sum, step) => sum + what(step), 0);
  const all = count(steps, (step) => step.devices);
  if (!all) return "No generator here may run for its price.";
  const cheap = steps.filter((step) => step.usd_per_mwh <= price);
  const cheapCount = count(cheap, (step) => step.devices);
  const cheapOn = count(cheap, (step) => step.on);
  const dearOn = count(steps, (step) => step.on) - cheapOn;
  const next = steps.find((step) => step.usd_per_mwh > price);
  const held = `${dearOn} ${dearOn === 1 ? "runs" : "run"} above it, for the balance, reserve or a hold`;
  const said = [
    cheapCount === 0
      ? `Below what any of ${all} generators costs: buying is cheaper`
      : `${cheapCount} of ${all} generators cost less than this; ${cheapOn} of them ${cheapOn === 1 ? "is" : "are"} on`,
  ];
  if (dearOn > 0) said.push(held);
  let text = `${said.join("; ")}.`;
  if (next) {
    text += ` From ${number(next.usd_per_mwh, 2)} USD/MWh on, ${next.device} (${words(next.type)}) pays as well.`;
  }
  if (most !== null && most > price) {
    const then = count(steps.filter((step) => step.usd_per_mwh <= most), (step) => step.devices);
    if (then > cheapCount) text += ` At the day's highest price, ${number(most, 2)}, ${then} would.`;
  }
  return text;
}

/** Who forecasts the price, from when, and what it says of scarcity.
 *
 * @param clock an instant as people read it.
 */
export function sourceWords(source: PriceSource | null | undefined, clock: (ms: number) => string): string {
  if (!source) return "No forecast yet: the center has not planned.";
  if (!source.model) {
    const stale = source.last_issued_ms
      ? ` The last forecast of the market's models, of ${clock(source.last_issued_ms)}, is too old to be used.`
      : " No market history was given to the center.";
    return `Forecast from similar days by the center itself.${stale}`;
  }
  const where = source.market ? ` for ${source.market}` : "";
  let text =
    `Forecast by ${source.model}${where}, made at ${clock(source.issued_at_ms)} from prices until ` +
    `${clock(source.data_until_ms)}, taught at ${clock(source.trained_at_ms)}.`;
  const chance = source.scarcity;
  if (chance) {
    const odds = chance.probability < 0.001 ? "less than 0.1 %" : `${number(chance.probability * 100, 1)} %`;
    text +=
      ` Chance that it stays above ${number(chance.limit_usd_per_mwh)} USD/MWh for ` +
      `${number(chance.at_least_s / 60)} min within the next ${number(chance.within_s / 60)} min: ${odds}.`;
  }
  return text;
}

/** Odds below this are told as less than it: the model knows no better. */
const LEAST_ODDS = 1e-6;

/** Odds as a share, with as many digits as say something. */
export function share(lolp: number): string {
  if (lolp < LEAST_ODDS) return "< 0.0001 %";
  const digits = lolp >= 0.01 ? 1 : lolp >= 0.0001 ? 3 : 4;
  return `${(lolp * 100).toFixed(digits)} %`;
}

/** Odds as people say them: "1 in 2,500". */
export function odds(lolp: number): string {
  if (lolp < LEAST_ODDS) return "less than 1 in a million";
  return `1 in ${number(Math.max(1, Math.round(1 / lolp)))}`;
}

/** Where an alarm's or decision's subject is shown; empty: nowhere of its own. */
export function addressOf(alarmId: string, subject: string): string {
  const kind = alarmId.split(":")[0] ?? "";
  const at = encodeURIComponent(subject);
  if (["failure", "deaf", "stop", "mode", "device"].includes(kind)) return `#/device/${at}`;
  if (["site", "silent", "outage", "unanswered", "skew", "dead"].includes(kind)) {
    return `#/fleet?filter=${encodeURIComponent(`site:${subject}`)}`;
  }
  if (["shortfall", "reserve", "grid"].includes(kind)) return `#/now?area=${at}`;
  if (kind === "plan-old") return "#/plan";
  return "";
}
