// Where the map was when it was left, so that coming back to it changes nothing.

import { zoomToFit } from "./mercator";
import type { Places } from "./sites.svelte";

export interface View {
  center: [number, number];
  zoom: number;
}

/** Nearest view: some hundred metres across. */
export const MOST_ZOOM = 17;

const kept = new Map<string, View>();

/** The view last left for an order of sites; with one given, keep it. */
export function keptView(order: string, view?: View): View | undefined {
  if (view) {
    kept.clear();
    kept.set(order, view);
  }
  return kept.get(order);
}

/** How much nearer than its whole area a site is shown: near enough to stand alone, mostly. */
const NEARER = 2.5;

/** The zoom at which a site is shown with some of its area around it. */
export function nearZoom(places: Places, site: number, width: number, height: number): number {
  const whole = zoomToFit(places.extent(places.area[site]!), width, height, MOST_ZOOM);
  return Math.min(MOST_ZOOM, whole + NEARER);
}
