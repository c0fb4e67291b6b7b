// The states of all sites, as the stream's topic `sites` tells them: all at first, then changes.

/** States in the order of their digits, from calm to grave. */
export const STATES = [
  "idle",
  "cooling",
  "charging",
  "running",
  "starting",
  "silent",
  "backup",
  "fault",
] as const;

export interface SitesMessage {
  /** Name of the order of sites that the codes follow. */
  order: string;
  full: boolean;
  /** How far each changed site stands after the one before. */
  gaps: number[];
  codes: string;
}

const ZERO = 48;

/** The codes after a message; the same array, changed, unless the message is full. */
export function merged(codes: Uint8Array, message: SitesMessage): Uint8Array {
  const { codes: digits, gaps } = message;
  const target = message.full ? new Uint8Array(digits.length) : codes;
  let at = 0;
  for (let n = 0; n < digits.length; n += 1) {
    at = message.full ? n : at + gaps[n]!;
    target[at] = digits.charCodeAt(n) - ZERO;
  }
  return target;
}

/** How many sites are in each state, among those shown. */
export function countsOf(codes: Uint8Array, shown: Uint8Array | null): number[] {
  const counts = STATES.map(() => 0);
  for (let site = 0; site < codes.length; site += 1) {
    if (shown === null || shown[site]) counts[codes[site]!]! += 1;
  }
  return counts;
}
