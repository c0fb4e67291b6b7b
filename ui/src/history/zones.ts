// Wall clocks of a zone and back: fields in which people write local times, and ticks of an axis.

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const parts = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let found = parts.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    parts.set(zone, found);
  }
  return found;
}

/** The wall clock in a zone as `2024-11-03T01:30:00`, as a date and time field takes it. */
export function wall(atMs: number, zone: string): string {
  const found: Record<string, string> = {};
  for (const { type, value } of formatOf(zone).formatToParts(atMs)) found[type] = value;
  return `${found.year}-${found.month}-${found.day}T${found.hour}:${found.minute}:${found.second}`;
}

/** How far a zone's wall clock is ahead of UTC at an instant, ms. */
export function offsetMs(atMs: number, zone: string): number {
  const whole = Math.floor(atMs / 1000) * 1000;
  return Date.parse(`${wall(whole, zone)}Z`) - whole;
}

/** The instant a wall clock in a zone shows; null when the text is none.
 *
 * A time that comes twice, when clocks go back, is the first of the two; one that never comes, when
 * they go forward, is as much later as it is past the change.
 */
export function fromWall(text: string, zone: string): number | null {
  const full = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? `${text}:00` : text;
  const guess = Date.parse(`${full}Z`);
  if (!Number.isFinite(guess)) return null;
  const before = guess - offsetMs(guess - DAY_MS, zone);
  const after = guess - offsetMs(guess + DAY_MS, zone);
  const real = [before, after].filter((ms) => wall(ms, zone) === full);
  return real.length ? Math.min(...real) : before;
}

/** Steps that an axis of wall clock may have, ms. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 40_320].map(
  (minutes) => minutes * MINUTE_MS,
);

/** Instants at round wall clocks, at most so many, and whether they are whole days. */
export function ticks(
  fromMs: number,
  untilMs: number,
  zone: string,
  most: number,
): { at_ms: number[]; days: boolean } {
  const step = STEPS.find((ms) => (untilMs - fromMs) / ms <= most) ?? STEPS.at(-1)!;
  const at: number[] = [];
  const first = Math.ceil((fromMs + offsetMs(fromMs, zone)) / step) * step;
  for (let local = first; at.length <= most + 1; local += step) {
    const ms = fromWall(new Date(local).toISOString().slice(0, 19), zone);
    if (ms === null || ms > untilMs) break;
    if (ms >= fromMs && ms !== at.at(-1)) at.push(ms);
  }
  return { at_ms: at, days: step >= DAY_MS };
}
