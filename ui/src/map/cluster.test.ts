import { describe, expect, it } from "vitest";
import { marksIn, short, type Points } from "./cluster";

/** A fleet of so many sites anywhere, from a seed. */
function scattered(count: number, seed: number): { points: Points; codes: Uint8Array } {
  let state = seed;
  const chance = (): number => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const points = {
    x: Float64Array.from({ length: count }, () => 0.2 + 0.1 * chance()),
    y: Float64Array.from({ length: count }, () => 0.4 + 0.05 * chance()),
  };
  return { points, codes: Uint8Array.from({ length: count }, () => Math.floor(8 * chance())) };
}

const WORLD = [0, 0, 1, 1] as const;

describe("marksIn", () => {
  for (const zoom of [0, 3.7, 6, 9.2, 14]) {
    it(`counts every site once and shows the worst inside at zoom ${zoom}`, () => {
      const { points, codes } = scattered(4000, 7);
      const marks = marksIn(points, codes, null, WORLD, zoom, 46);
      expect(marks.reduce((sum, mark) => sum + mark.count, 0)).toBe(4000);
      for (const mark of marks.slice(0, 200)) {
        // A site in the mark's box that no other mark's box holds is in this mark.
        const [west, north, east, south] = mark.box;
        const inside = [...codes.keys()].filter(
          (n) =>
            points.x[n]! >= west &&
            points.x[n]! <= east &&
            points.y[n]! >= north &&
            points.y[n]! <= south,
        );
        expect(inside.length).toBeGreaterThanOrEqual(mark.count);
        expect(inside.map((n) => codes[n]!)).toContain(mark.worst);
        if (inside.length === mark.count) {
          expect(mark.worst).toBe(Math.max(...inside.map((n) => codes[n]!)));
          expect(mark.inWorst).toBe(inside.filter((n) => codes[n] === mark.worst).length);
        }
      }
    });
  }

  it("groups alike wherever the view is, so that dragging regroups nothing", () => {
    const { points, codes } = scattered(2000, 3);
    const whole = marksIn(points, codes, null, WORLD, 8, 46);
    const part = marksIn(points, codes, null, [0.22, 0.41, 0.26, 0.43], 8, 46);
    const known = new Set(whole.map((mark) => `${mark.x} ${mark.y} ${mark.count}`));
    const inner = part.filter(
      (mark) => mark.x > 0.225 && mark.x < 0.255 && mark.y > 0.415 && mark.y < 0.425,
    );
    expect(inner.length).toBeGreaterThan(10);
    const same = inner.filter((mark) => known.has(`${mark.x} ${mark.y} ${mark.count}`));
    expect(same.length / inner.length).toBeGreaterThan(0.9);
  });

  it("leaves out what the filter leaves out", () => {
    const { points, codes } = scattered(500, 1);
    const shown = codes.map((code) => (code === 7 ? 1 : 0));
    const marks = marksIn(points, codes, shown, WORLD, 5, 46);
    expect(marks.every((mark) => mark.worst === 7)).toBe(true);
    const faults = codes.filter((code) => code === 7).length;
    expect(marks.reduce((sum, mark) => sum + mark.count, 0)).toBe(faults);
  });

  it("keeps the chosen site apart from its neighbours", () => {
    const { points, codes } = scattered(500, 1);
    const marks = marksIn(points, codes, null, WORLD, 2, 46, 17);
    expect(marks.filter((mark) => mark.count === 1 && mark.site === 17)).toHaveLength(1);
    expect(marks.reduce((sum, mark) => sum + mark.count, 0)).toBe(500);
  });

  it("walks 50,000 sites within a frame", () => {
    const { points, codes } = scattered(50_000, 5);
    marksIn(points, codes, null, WORLD, 6, 46);
    const from = performance.now();
    for (let n = 0; n < 5; n += 1) marksIn(points, codes, null, WORLD, 6, 46);
    expect((performance.now() - from) / 5).toBeLessThan(50);
  });
});

describe("short", () => {
  it("fits four characters", () => {
    expect([1, 999, 1000, 1049, 9949, 9950, 50_000].map(short)).toEqual([
      "1",
      "999",
      "1.0k",
      "1.0k",
      "9.9k",
      "10k",
      "50k",
    ]);
  });
});
