// How old a device's values are, in words.

import { duration } from "../lib/format";

interface Heard {
  heard_ms: number;
  quality: string;
}

/** Beyond this nothing was ever heard, ms: the center's own word for never is 30 years. */
const NEVER_MS = 1e11;

/** Whether values are too old or too bad to be taken for what is. */
export function isOld(row: { quality: string }): boolean {
  return row.quality === "stale" || row.quality === "bad";
}

/** Age at a moment: "12 s", or "never". */
export function ageOf(row: Heard, atMs: number): string {
  const age = atMs - row.heard_ms;
  return age > NEVER_MS ? "never" : duration(age / 1000);
}
