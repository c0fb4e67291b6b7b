// Meridians and parallels over a view, so that empty ground still says where it is.

import { latitudeOf, longitudeOf, xOf, yOf, type Box } from "./mercator";

/** Steps of a degree that read well: whole degrees, then decimals. */
const STEPS = [90, 45, 30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
/** Meridians over the width of a view, at least. */
const LEAST = 3;

export interface Graticule {
  meridians: number[];
  parallels: number[];
  /** Decimals that tell two neighbours apart. */
  digits: number;
}

/** The lines that cross a box, degrees; the step is that of a view of the given width. */
export function graticule(box: Box, viewWidth: number): Graticule {
  const wide = viewWidth * 360;
  const step = STEPS.find((one) => wide / one >= LEAST) ?? STEPS.at(-1)!;
  return {
    meridians: multiples(step, Math.max(-180, longitudeOf(box[0])), Math.min(180, longitudeOf(box[2]))),
    parallels: multiples(step, latitudeOf(Math.min(1, box[3])), latitudeOf(Math.max(0, box[1]))),
    digits: Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)),
  };
}

function multiples(step: number, from: number, until: number): number[] {
  const found: number[] = [];
  for (let n = Math.ceil(from / step); n * step <= until; n += 1) found.push(Number((n * step).toFixed(6)));
  return found;
}

/** A line of a graticule as people write it. */
export function degrees(value: number, digits: number, [plus, minus]: readonly [string, string]): string {
  const side = value === 0 ? "" : value > 0 ? plus : minus;
  return `${Math.abs(value).toFixed(digits)}°${side ? ` ${side}` : ""}`;
}

export interface EdgeLabel {
  text: string;
  /** Px from the left, or from the top. */
  at: number;
  edge: "top" | "left";
}

/** Where the lines of a view leave it, with their degrees. */
export function edgeLabels(view: Box, width: number, height: number): EdgeLabel[] {
  const lines = graticule(view, view[2] - view[0]);
  const scale = width / (view[2] - view[0]);
  const inside = (at: number, length: number): boolean => at > 30 && at < length - 50;
  return [
    ...lines.meridians.map((value) => ({
      text: degrees(value, lines.digits, ["E", "W"]),
      at: (xOf(value) - view[0]) * scale,
      edge: "top" as const,
    })),
    ...lines.parallels.map((value) => ({
      text: degrees(value, lines.digits, ["N", "S"]),
      at: (yOf(value) - view[1]) * scale,
      edge: "left" as const,
    })),
  ].filter((label) => inside(label.at, label.edge === "left" ? height : width));
}
