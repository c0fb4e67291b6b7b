import { expect, it } from "vitest";
import { degrees, edgeLabels, graticule } from "./graticule";
import { xOf, yOf, type Box } from "./mercator";

const around = (longitude: number, latitude: number, half: number): Box => [
  xOf(longitude - half), yOf(latitude + half), xOf(longitude + half), yOf(latitude - half),
];

it("has a few lines in any view, at round degrees", () => {
  for (const half of [80, 12, 1.3, 0.2, 0.031, 0.004]) {
    const view = around(-97.7431, 30.2672, half);
    const { meridians, parallels, digits } = graticule(view, view[2] - view[0]);
    expect(meridians.length).toBeGreaterThanOrEqual(2);
    expect(meridians.length).toBeLessThanOrEqual(9);
    expect(parallels.length).toBeGreaterThanOrEqual(1);
    for (const one of [...meridians, ...parallels]) expect(Number(one.toFixed(digits))).toBe(one);
    expect(Math.min(...meridians)).toBeGreaterThanOrEqual(-97.7431 - half);
    expect(Math.max(...meridians)).toBeLessThanOrEqual(-97.7431 + half);
  }
});

it("does not leave the world", () => {
  const { meridians, parallels } = graticule([-0.4, -0.3, 1.4, 1.3], 1.8);
  expect(meridians).toEqual([-180, -90, 0, 90, 180]);
  expect(parallels).toEqual([0]);
});

it("writes degrees with their side", () => {
  expect(degrees(-97.5, 1, ["E", "W"])).toBe("97.5° W");
  expect(degrees(30, 2, ["N", "S"])).toBe("30.00° N");
  expect(degrees(0, 0, ["N", "S"])).toBe("0°");
});

it("labels a line where it leaves the view", () => {
  const view = around(10, 0, 1);
  const labels = edgeLabels(view, 800, 800);
  expect(labels.find((label) => label.text === "10.0° E")?.at).toBeCloseTo(400, 6);
  // Mercator stretches the view a little: its height is that of two degrees at the equator.
  expect(labels.find((label) => label.text === "0.0°")?.at).toBeCloseTo(400.02, 2);
  expect(labels.every((label) => label.at > 30 && label.at < 770)).toBe(true);
});
