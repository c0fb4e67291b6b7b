// Which mark a pointer means.

import type { Mark } from "./cluster";

/** Fingers and hands are not exact, px. */
const SLACK_PX = 4;

/**
 * The mark under a point, the nearest when symbols overlap.
 *
 * @param pixelOf where a mark is on the screen, px.
 * @param sizeOf width and height of its symbol, px.
 */
export function markAt(
  marks: readonly Mark[],
  x: number,
  y: number,
  pixelOf: (mark: Mark) => readonly [number, number],
  sizeOf: (mark: Mark) => readonly [number, number],
): Mark | undefined {
  let best: Mark | undefined;
  let nearest = Infinity;
  for (const mark of marks) {
    const [left, top] = pixelOf(mark);
    const away = Math.hypot(left - x, top - y);
    if (away >= nearest || away > 60) continue;
    const [width, height] = sizeOf(mark);
    if (Math.abs(left - x) > width / 2 + SLACK_PX) continue;
    if (Math.abs(top - y) > height / 2 + SLACK_PX) continue;
    [best, nearest] = [mark, away];
  }
  return best;
}
