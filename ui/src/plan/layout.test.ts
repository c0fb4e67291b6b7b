import { describe, expect, it } from "vitest";
import { deviceRow, intervalAt, moved, rangeOf, rowsOf, spanAt, ticks, visible, xOf } from "./layout";
import type { PlanDevice, PlanDocument } from "./types";

function device(id: string, area = "north", type = "engine"): PlanDevice {
  return {
    id,
    area,
    type,
    most_kw: 100,
    spans: [[2, 5, true]],
    power_kw: [0, 0, 60, 60, 60, 0],
    energy_kwh: null,
    energy_capacity_kwh: null,
  };
}

const START = Date.UTC(2026, 6, 15, 5, 0);
const PLAN = { start_ms: START, step_s: 900, count: 96 } as PlanDocument;
const ROWS = rowsOf([device("a"), device("b"), device("c", "north", "battery"), device("d", "south")]);

describe("rows", () => {
  it("begin with a line for each area and type", () => {
    expect(ROWS.map((row) => row.device?.id ?? "")).toEqual(["", "a", "b", "", "c", "", "d"]);
  });
  it("in view are few, however many there are", () => {
    const [first, end] = visible(100_000, 22_000, 440);
    expect([first, end]).toEqual([999, 1021]);
    expect(visible(3, 0, 440)).toEqual([0, 3]);
    expect(visible(0, 0, 440)).toEqual([0, 0]);
  });
});

describe("intervals", () => {
  it("stand where their start is and are found there again", () => {
    const range = { from: 8, to: 32 };
    for (let interval = 8; interval < 32; interval++) {
      const x = xOf(interval, range, 200, 1000);
      expect(intervalAt(x + 1, range, 200, 1000)).toBe(interval);
    }
    expect(intervalAt(0, range, 200, 1000)).toBe(8);
    expect(intervalAt(5000, range, 200, 1000)).toBe(31);
  });
  it("in view begin now and never leave the plan", () => {
    expect(rangeOf(PLAN, START, 0)).toEqual({ from: 0, to: 96 });
    expect(rangeOf(PLAN, START + 3_600_000, 6)).toEqual({ from: 4, to: 28 });
    expect(rangeOf(PLAN, START + 23 * 3_600_000, 6)).toEqual({ from: 72, to: 96 });
    expect(rangeOf(PLAN, START - 3_600_000, 6)).toEqual({ from: 0, to: 24 });
  });
  it("are marked at whole hours of the zone", () => {
    const found = ticks(PLAN, { from: 0, to: 96 }, "America/Chicago", 8);
    expect(found[0]).toBe(0);
    expect(found[1]).toBe(12);
    expect(found).toHaveLength(8);
    expect(ticks(PLAN, { from: 0, to: 16 }, "Asia/Kolkata", 8)[0]).toBe(2);
  });
  it("know the span they lie in", () => {
    expect(spanAt(device("a"), 4)).toEqual([2, 5, true]);
    expect(spanAt(device("a"), 5)).toBeUndefined();
  });
});

describe("keys", () => {
  const range = { from: 0, to: 96 };
  it("move over devices and skip the lines between them", () => {
    expect(moved("ArrowDown", { row: 2, interval: 7 }, ROWS, range, 10)).toEqual({ row: 4, interval: 7 });
    expect(moved("ArrowUp", { row: 4, interval: 7 }, ROWS, range, 10)).toEqual({ row: 2, interval: 7 });
    expect(moved("ArrowUp", { row: 1, interval: 7 }, ROWS, range, 10)).toEqual({ row: 1, interval: 7 });
    expect(moved("PageDown", { row: 1, interval: 7 }, ROWS, range, 10)).toEqual({ row: 6, interval: 7 });
  });
  it("move over intervals and stop at the ends", () => {
    expect(moved("ArrowLeft", { row: 1, interval: 0 }, ROWS, range, 10)?.interval).toBe(0);
    expect(moved("ArrowRight", { row: 1, interval: 0 }, ROWS, range, 10)?.interval).toBe(1);
    expect(moved("End", { row: 1, interval: 0 }, ROWS, range, 10)?.interval).toBe(95);
    expect(moved("Home", { row: 1, interval: 50 }, ROWS, { from: 8, to: 60 }, 10)?.interval).toBe(8);
  });
  it("that are not for moving are left alone", () => {
    expect(moved("x", { row: 1, interval: 0 }, ROWS, range, 10)).toBeNull();
  });
  it("find no device where there is none", () => {
    expect(deviceRow([], 0, 1)).toBe(-1);
  });
});
