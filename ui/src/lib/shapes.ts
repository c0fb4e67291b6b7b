// The shapes of states in a box of 12 by 12, for marks on pages and for symbols on the map.

import type { Shape } from "./states";

export interface Outline {
  /** SVG path data. */
  d: string;
  /** Width of the stroke; 0: filled. */
  stroke: number;
  /** Lengths of dash and gap of the stroke. */
  dash?: readonly [number, number];
}

const RING = "M6 1.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 1 0 0-8.4Z";

export const OUTLINES: Record<Shape, readonly Outline[]> = {
  ring: [{ d: "M6 2a4 4 0 1 0 0 8a4 4 0 1 0 0-8Z", stroke: 1.6 }],
  up: [{ d: "M6 1 11 10.5H1Z", stroke: 0 }],
  down: [{ d: "M6 11 1 1.5H11Z", stroke: 0 }],
  half: [
    { d: RING, stroke: 1.6 },
    { d: "M6 1.8a4.2 4.2 0 0 1 0 8.4Z", stroke: 0 },
  ],
  square: [{ d: "M2 2H10V10H2Z", stroke: 0 }],
  diamond: [{ d: "M6 .6 11.4 6 6 11.4.6 6Z", stroke: 0 }],
  cross: [{ d: "m2 2 8 8M10 2l-8 8", stroke: 2.4 }],
  gap: [{ d: RING, stroke: 1.6, dash: [2, 2] }],
  dot: [{ d: "M6 1.6a4.4 4.4 0 1 0 0 8.8a4.4 4.4 0 1 0 0-8.8Z", stroke: 0 }],
};
