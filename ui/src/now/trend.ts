// The last hours as columns, a value a minute, and how two pieces of it become one.

/** What the center answers at /trend; a null is a minute of which nothing is known. */
export interface TrendDocument {
  at_ms: number;
  area: string;
  start_ms: number;
  step_s: number;
  demand_kw: (number | null)[];
  losses_kw: (number | null)[];
  import_kw: (number | null)[];
  reserve_kw: (number | null)[];
  shortfall_kw: (number | null)[];
  price_usd_per_mwh: (number | null)[];
  generation_kw_by_type: Record<string, (number | null)[]>;
}

type Column = (number | null)[];
const PLAIN = [
  "demand_kw",
  "losses_kw",
  "import_kw",
  "reserve_kw",
  "shortfall_kw",
  "price_usd_per_mwh",
] as const;

/** The instant at which a trend ends, ms: the next minute begins there. */
export function endMs(trend: TrendDocument): number {
  return trend.start_ms + trend.demand_kw.length * trend.step_s * 1000;
}

/** Whether two pieces can be put together: same area, same step, the later one not before. */
function fits(old: TrendDocument, more: TrendDocument): boolean {
  return (
    old.area === more.area &&
    old.step_s === more.step_s &&
    old.demand_kw.length > 0 &&
    more.start_ms >= old.start_ms &&
    more.at_ms >= old.at_ms
  );
}

/** What was known and what came after it; minutes in between are unknown, old ones are let go.
 *
 * @param keepMs how far back from the later end is kept, ms.
 */
export function append(old: TrendDocument | null, more: TrendDocument, keepMs: number): TrendDocument {
  if (!old || !fits(old, more)) return more;
  if (!more.demand_kw.length) return { ...old, at_ms: more.at_ms };
  const stepMs = old.step_s * 1000;
  const skipped = Math.max(0, Math.round((endMs(more) - keepMs - old.start_ms) / stepMs));
  const at = Math.round((more.start_ms - old.start_ms) / stepMs);
  const gap = Math.max(0, at - old.demand_kw.length);
  const join = (a: Column, b: Column): Column =>
    [...a.slice(0, at), ...Array<null>(gap).fill(null), ...b].slice(skipped);
  const zeros = (like: Column): Column => like.map((value) => (value === null ? null : 0));
  const types = new Set([
    ...Object.keys(old.generation_kw_by_type),
    ...Object.keys(more.generation_kw_by_type),
  ]);
  const joined = {
    ...more,
    start_ms: old.start_ms + skipped * stepMs,
    generation_kw_by_type: Object.fromEntries(
      [...types].map((type) => [
        type,
        // A type that is not told was at zero.
        join(
          old.generation_kw_by_type[type] ?? zeros(old.demand_kw),
          more.generation_kw_by_type[type] ?? zeros(more.demand_kw),
        ),
      ]),
    ),
  };
  for (const name of PLAIN) joined[name] = join(old[name], more[name]);
  return joined;
}
