// Numbers with their units and instants with their zone; one way for every page.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** What stands where nothing is known; never a zero. */
export const UNKNOWN = "\u2013";

type Maybe = number | null | undefined;

function known(value: Maybe): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** The sign of what is below zero; a hyphen is too short to be seen. */
const MINUS = "\u2212";

/** What rounds to nothing has no sign. */
function shown(format: Intl.NumberFormat, value: number): string {
  const text = format.format(value);
  return text.replace("-", /[1-9]/.test(text) ? MINUS : "");
}

/** A plain number with thousands set apart. */
export function number(value: Maybe, digits = 0): string {
  if (!known(value)) return UNKNOWN;
  return shown(digits === 0 ? whole : digits === 1 ? tenth : cents, value);
}

/** Power, kW or MW by the size of `of` (default: the value itself), so that a column keeps one unit. */
export function power(kw: Maybe, of: number = known(kw) ? kw : 0): string {
  if (!known(kw)) return UNKNOWN;
  if (Math.abs(of) >= 10_000) return `${shown(cents, kw / 1000)} MW`;
  return `${shown(Math.abs(of) < 10 ? tenth : whole, kw)} kW`;
}

export function energy(kwh: Maybe): string {
  if (!known(kwh)) return UNKNOWN;
  if (Math.abs(kwh) >= 10_000) return `${shown(cents, kwh / 1000)} MWh`;
  return `${shown(Math.abs(kwh) < 100 ? tenth : whole, kwh)} kWh`;
}

export function price(usdPerMwh: Maybe): string {
  return known(usdPerMwh) ? `${shown(cents, usdPerMwh)} USD/MWh` : UNKNOWN;
}

export function money(usd: Maybe): string {
  return known(usd) ? `${shown(cents, usd)} USD` : UNKNOWN;
}

export function percent(share: Maybe, digits = 0): string {
  return known(share) ? `${number(share * 100, digits)} %` : UNKNOWN;
}

/** A length of time in the two units that matter: 42 s, 3 min 10 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds: Maybe): string {
  if (!known(seconds)) return UNKNOWN;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s % 60 && s < 600 ? ` ${s % 60} s` : ""}`;
  if (s < 86_400) {
    const min = Math.floor((s % 3600) / 60);
    return `${Math.floor(s / 3600)} h${min ? ` ${min} min` : ""}`;
  }
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, kind: "clock" | "minute" | "full"): Intl.DateTimeFormat {
  const key = `${zone} ${kind}`;
  let found = formats.get(key);
  if (!found) {
    const day: Intl.DateTimeFormatOptions =
      kind === "full" ? { year: "numeric", month: "short", day: "2-digit" } : {};
    const second: Intl.DateTimeFormatOptions = kind === "minute" ? {} : { second: "2-digit" };
    found = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
      ...second,
      ...day,
      ...(kind === "full" ? { timeZoneName: "short" } : {}),
    });
    formats.set(key, found);
  }
  return found;
}

/** Hours, minutes, seconds in a zone. */
export function clock(atMs: Maybe, zone: string): string {
  return known(atMs) ? format(zone, "clock").format(atMs) : UNKNOWN;
}

/** Hours and minutes in a zone. */
export function minute(atMs: Maybe, zone: string): string {
  return known(atMs) ? format(zone, "minute").format(atMs) : UNKNOWN;
}

/** Date and time with the zone's name. */
export function instant(atMs: Maybe, zone: string): string {
  return known(atMs) ? format(zone, "full").format(atMs) : UNKNOWN;
}

const days = new Map<string, Intl.DateTimeFormat>();

function day(atMs: number, zone: string): string {
  let found = days.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "2-digit", month: "short" });
    days.set(zone, found);
  }
  return found.format(atMs);
}

/** The time, with the day before it where that is not today's.
 *
 * @param nowMs plant time now; unknown: the day is told.
 */
export function brief(atMs: Maybe, zone: string, nowMs: Maybe): string {
  if (!known(atMs)) return UNKNOWN;
  const of = day(atMs, zone);
  return known(nowMs) && of === day(nowMs, zone) ? clock(atMs, zone) : `${of}, ${clock(atMs, zone)}`;
}

/** The same instant in UTC, for a tooltip. */
export function utc(atMs: Maybe): string {
  return known(atMs) ? `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")} UTC` : UNKNOWN;
}

/** Codes whose words are more than their parts. */
const NAMES: Record<string, string> = {
  smes: "superconducting store",
  fail_to_start: "did not start",
  fail_to_stop: "did not stop",
  epa_emergency: "EPA emergency",
  epa_non_emergency: "EPA non-emergency",
  eu_mcp: "EU medium combustion plant",
  california_emergency: "California emergency",
};

/** Words from a code: `emergency_generator` -> `emergency generator`. */
export function words(code: string): string {
  return NAMES[code] ?? code.replaceAll("_", " ");
}

/** A sentence whose codes are words: "failed to start: fail_to_start" -> "... fail to start". */
export function plain(text: string): string {
  return text.replace(/\b[a-z]+(?:_[a-z]+)+\b/g, words);
}
