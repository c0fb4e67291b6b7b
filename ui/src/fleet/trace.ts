// One device's samples, put together from several answers, and the columns that its charts plot.

import type { DeviceTrace } from "./types";

export interface Plotted {
  /** s since 1970, as uPlot wants it. */
  at_s: number[];
  power: (number | null)[];
  setpoint: (number | null)[];
  planned: (number | null)[];
  level: (number | null)[];
}

/** Samples that are kept before all are fetched anew, thinned by the center. */
export const MANY = 3000;

/** The instant after which samples are still to be asked for; 0: all of them.
 *
 * Anew when there are too many, and while older ones come back from the journal.
 */
export function askAfter(known: DeviceTrace | null): number {
  if (!known || known.times_ms.length >= MANY || known.reading_back) return 0;
  return known.times_ms.at(-1) ?? 0;
}

/** What is known with what is new behind it; states are always told whole. */
export function joined(old: DeviceTrace | null, news: DeviceTrace): DeviceTrace {
  const last = old?.times_ms.at(-1) ?? 0;
  if (!old || old.device !== news.device) return news;
  const from = news.times_ms.findIndex((at) => at > last);
  if (from < 0) return { ...news, times_ms: old.times_ms, power_kw: old.power_kw, setpoint_kw: old.setpoint_kw, level: old.level };
  return {
    ...news,
    times_ms: [...old.times_ms, ...news.times_ms.slice(from)],
    power_kw: [...old.power_kw, ...news.power_kw.slice(from)],
    setpoint_kw: [...old.setpoint_kw, ...news.setpoint_kw.slice(from)],
    level: [...old.level, ...news.level.slice(from)],
  };
}

/** Columns to plot between two instants: what was, then what is planned.
 *
 * @param plan planned power, kW, an interval each from `planStartMs` on.
 */
export function plotted(
  trace: DeviceTrace,
  fromMs: number,
  toMs: number,
  plan: readonly number[],
  planStartMs: number,
  planStepS: number,
): Plotted {
  const result: Plotted = { at_s: [], power: [], setpoint: [], planned: [], level: [] };
  const put = (
    atMs: number,
    power: number | null,
    setpoint: number | null,
    planned: number | null,
    level: number | null,
  ): void => {
    result.at_s.push(atMs / 1000);
    result.power.push(power);
    result.setpoint.push(setpoint);
    result.planned.push(planned);
    result.level.push(level);
  };
  trace.times_ms.forEach((at, n) => {
    if (at >= fromMs && at <= toMs) {
      put(at, trace.power_kw[n] ?? null, trace.setpoint_kw[n] ?? null, null, trace.level[n] ?? null);
    }
  });
  const now = trace.times_ms.at(-1) ?? trace.at_ms;
  const stepMs = planStepS * 1000;
  if (!plan.length || stepMs <= 0) return result;
  let last: number | null = null;
  plan.forEach((kw, n) => {
    const start = planStartMs + n * stepMs;
    const from = Math.max(start, now + 1);
    if (start + stepMs <= now || from >= toMs) return;
    put(from, null, null, kw, null);
    last = kw;
  });
  // The last interval lasts to its end, or to the picture's.
  const end = Math.min(planStartMs + plan.length * stepMs, toMs);
  if (last !== null && end > now) put(end, null, null, last, null);
  return result;
}

export interface Block {
  state: string;
  since_ms: number;
  until_ms: number;
  /** Place in the strip, %. */
  left: number;
  width: number;
}

/** States as blocks between two instants. */
export function blocks(trace: DeviceTrace, fromMs: number, toMs: number): Block[] {
  const span = toMs - fromMs;
  if (span <= 0) return [];
  return trace.states.flatMap((one) => {
    const since = Math.max(one.since_ms, fromMs);
    const until = Math.min(one.until_ms ?? trace.at_ms, toMs);
    if (until < since) return [];
    return [
      {
        state: one.state,
        since_ms: one.since_ms,
        until_ms: one.until_ms ?? trace.at_ms,
        left: ((since - fromMs) / span) * 100,
        width: ((until - since) / span) * 100,
      },
    ];
  });
}
