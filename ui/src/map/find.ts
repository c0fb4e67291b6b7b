// Which sites pass the filter: words, area, state, and a box drawn by choosing a pile of sites.

import type { Box } from "./mercator";
import type { Places } from "./sites.svelte";

export interface Wanted {
  text: string;
  /** Position of an area; -1: all. */
  area: number;
  /** Position of a feeder; -1: all. */
  feeder: number;
  box: Box | null;
}

/** 1 for each site that passes all but the filter by state; null when all do. */
export function passing(places: Places, wanted: Wanted): Uint8Array | null {
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  const { area, feeder, box } = wanted;
  if (!words.length && area < 0 && feeder < 0 && !box) return null;
  const found = new Uint8Array(places.count);
  for (let site = 0; site < found.length; site += 1) {
    if (area >= 0 && places.area[site] !== area) continue;
    if (feeder >= 0 && places.feeder[site] !== feeder) continue;
    if (box) {
      const x = places.x[site]!;
      const y = places.y[site]!;
      if (x < box[0] || y < box[1] || x > box[2] || y > box[3]) continue;
    }
    if (words.length && !places.matches(site, words)) continue;
    found[site] = 1;
  }
  return found;
}

/** The same, held also against states; `states` empty: any. */
export function inStates(
  passed: Uint8Array | null,
  codes: Uint8Array,
  states: ReadonlySet<number>,
): Uint8Array | null {
  if (!states.size) return passed;
  const found = new Uint8Array(codes.length);
  for (let site = 0; site < codes.length; site += 1) {
    if ((passed === null || passed[site]) && states.has(codes[site]!)) found[site] = 1;
  }
  return found;
}

/** Positions of the sites shown. */
export function listed(shown: Uint8Array | null, count: number): Uint32Array {
  const found = new Uint32Array(count);
  let length = 0;
  for (let site = 0; site < count; site += 1) {
    if (shown === null || shown[site]) {
      found[length] = site;
      length += 1;
    }
  }
  return found.subarray(0, length);
}

/** The same sites, the gravest state first; those alike stay in their order.
 *
 * @param codes each site's state, larger is graver.
 */
export function byGravity(hits: Uint32Array, codes: Uint8Array): Uint32Array {
  const starts = new Uint32Array(257);
  const rank = (site: number): number => 255 - (codes[site] ?? 0);
  for (const site of hits) starts[rank(site) + 1]! += 1;
  for (let n = 1; n < starts.length; n += 1) starts[n]! += starts[n - 1]!;
  const sorted = new Uint32Array(hits.length);
  for (const site of hits) {
    const place = rank(site);
    sorted[starts[place]!] = site;
    starts[place]! += 1;
  }
  return sorted;
}
