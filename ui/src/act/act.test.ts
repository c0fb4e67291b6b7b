import { describe, expect, it, vi } from "vitest";
import { ApiError } from "../lib/api";
import { actionOf, inside, mayRepeat, ringOf, secondsOf, type Point } from "./act";
import { paced } from "./paced";

const SQUARE: Point[] = [
  [0, 0],
  [10, 0],
  [10, 10],
  [0, 10],
];

describe("a polygon that was pasted", () => {
  const polygon = { type: "Polygon", coordinates: [[...SQUARE, SQUARE[0]]] };
  it("is taken from a geometry, a feature and a collection of one", () => {
    const feature = { type: "Feature", geometry: polygon };
    for (const shape of [polygon, feature, { type: "FeatureCollection", features: [feature] }]) {
      expect(ringOf(JSON.stringify(shape))).toEqual(SQUARE);
    }
  });
  it.each([
    ["no JSON", "not JSON"],
    [JSON.stringify({ type: "Point", coordinates: [1, 2] }), "Polygon is wanted"],
    [JSON.stringify({ type: "Polygon", coordinates: [SQUARE, SQUARE] }), "holes"],
    [JSON.stringify({ type: "Polygon", coordinates: [[[0, 0], [1, 1], [0, 0]]] }), "three corners"],
    [JSON.stringify({ type: "Polygon", coordinates: [[["a", 0], [1, 1], [0, 0]]] }), "longitude"],
    [JSON.stringify({ type: "FeatureCollection", features: [] }), "One polygon"],
    ["null", "Polygon is wanted"],
  ])("is refused in words: %s", (text, why) => {
    expect(() => ringOf(text)).toThrow(why);
  });
});

it("a point is inside or not", () => {
  expect(inside(SQUARE, [5, 5])).toBe(true);
  expect(inside(SQUARE, [15, 5])).toBe(false);
  expect(inside([], [0, 0])).toBe(false);
});

it("lengths of time are read with their units, minutes without one", () => {
  expect(["90", "45s", "1.5h", "2 h", "1d"].map(secondsOf)).toEqual([5400, 45, 5400, 7200, 86400]);
  expect(["1h30", "1 h 30 min", "2h05m", "0h45"].map(secondsOf)).toEqual([5400, 5400, 7500, 2700]);
  expect(["1h75", "0h00"].map(secondsOf)).toEqual([null, null]);
  expect(["", "0", "-3", "h", "3 weeks"].map(secondsOf)).toEqual([null, null, null, null, null]);
});

it("an address names an action in several ways", () => {
  expect(actionOf("stop").name).toBe("off");
  expect(actionOf("start").name).toBe("hold");
  expect(actionOf("emergency-stop").name).toBe("emergency_stop");
  expect(actionOf("reset").role).toBe("admin");
  expect(actionOf("nonsense").name).toBe("hold");
});

it("only a line that broke or a center that was late is asked again", () => {
  const problem = (status: number) => new ApiError({ status, title: "", detail: "" });
  expect([0, 502, 503, 504].every((status) => mayRepeat(problem(status)))).toBe(true);
  expect([400, 403, 404, 409, 422].some((status) => mayRepeat(problem(status)))).toBe(false);
  expect(mayRepeat(new Error("bug"))).toBe(false);
});

it("pokes within the gap are one more look when it is over, and none is lost", () => {
  vi.useFakeTimers();
  const look = vi.fn();
  const looks = paced(look, 1000, () => Date.now());
  looks.poke();
  expect(look).toHaveBeenCalledTimes(1);
  for (let k = 0; k < 5; k++) looks.poke();
  expect(look).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1000);
  expect(look).toHaveBeenCalledTimes(2);
  looks.poke();
  looks.stop();
  vi.advanceTimersByTime(5000);
  expect(look).toHaveBeenCalledTimes(2);
  vi.useRealTimers();
});
