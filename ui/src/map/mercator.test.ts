import { expect, it } from "vitest";
import { latitudeOf, longitudeOf, xOf, yOf, zoomToFit } from "./mercator";

it("goes to the square and back", () => {
  for (const [longitude, latitude] of [[-97.74, 30.27], [0, 0], [179.9, -80], [-179, 84.9]]) {
    expect(longitudeOf(xOf(longitude!))).toBeCloseTo(longitude!, 9);
    expect(latitudeOf(yOf(latitude!))).toBeCloseTo(latitude!, 9);
  }
  // EPSG:3857's square ends at 85.0511 degrees.
  expect(yOf(85.0511287798)).toBeCloseTo(0, 5);
});

it("fits a box", () => {
  expect(zoomToFit([0, 0, 1, 1], 512, 512, 17)).toBe(0);
  expect(zoomToFit([0.25, 0.25, 0.5, 0.5], 512, 1024, 17)).toBe(2);
  expect(zoomToFit([0.5, 0.5, 0.5, 0.5], 512, 512, 17)).toBe(17);
});
