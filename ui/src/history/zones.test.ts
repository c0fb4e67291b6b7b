import { describe, expect, it } from "vitest";
import { fromWall, offsetMs, ticks, wall } from "./zones";

const CHICAGO = "America/Chicago";
const at = (iso: string): number => Date.parse(iso);

describe("wall clocks", () => {
  it("go there and back", () => {
    for (let hour = 0; hour < 24 * 8; hour += 1) {
      const ms = at("2024-07-16T05:00:00Z") + hour * 3_600_000 + 7_000;
      expect(fromWall(wall(ms, CHICAGO), CHICAGO)).toBe(ms);
    }
  });
  it("take the first of two when clocks go back", () => {
    expect(wall(at("2024-11-03T06:30:00Z"), CHICAGO)).toBe("2024-11-03T01:30:00");
    expect(wall(at("2024-11-03T07:30:00Z"), CHICAGO)).toBe("2024-11-03T01:30:00");
    expect(fromWall("2024-11-03T01:30", CHICAGO)).toBe(at("2024-11-03T06:30:00Z"));
    expect(fromWall("2024-11-03T02:30", CHICAGO)).toBe(at("2024-11-03T08:30:00Z"));
  });
  it("go on after the gap when clocks go forward", () => {
    expect(fromWall("2024-03-10T02:30", CHICAGO)).toBe(at("2024-03-10T08:30:00Z"));
    expect(fromWall("2024-03-10T03:30", CHICAGO)).toBe(at("2024-03-10T08:30:00Z"));
  });
  it("are nothing where there is no time", () => {
    expect(fromWall("", CHICAGO)).toBeNull();
    expect(fromWall("yesterday", CHICAGO)).toBeNull();
  });
  it("know half hours", () => {
    expect(offsetMs(at("2024-07-16T00:00:00Z"), "Asia/Kolkata")).toBe(5.5 * 3_600_000);
  });
});

describe("ticks", () => {
  it("stand at round local hours, few enough", () => {
    const { at_ms } = ticks(at("2024-07-16T05:10:00Z"), at("2024-07-17T05:10:00Z"), CHICAGO, 12);
    expect(at_ms.length).toBeGreaterThan(5);
    expect(at_ms.length).toBeLessThanOrEqual(13);
    for (const ms of at_ms) expect(wall(ms, CHICAGO)).toMatch(/T\d\d:00:00$/);
  });
  it("are real instants on a day whose clocks go back", () => {
    const { at_ms } = ticks(at("2024-11-03T04:00:00Z"), at("2024-11-03T12:00:00Z"), CHICAGO, 10);
    expect([...at_ms].sort((a, b) => a - b)).toEqual(at_ms);
    expect(new Set(at_ms).size).toBe(at_ms.length);
    expect(wall(at_ms[0]!, CHICAGO)).toBe("2024-11-02T23:00:00");
  });
  it("are days over weeks", () => {
    const found = ticks(at("2024-07-01T05:00:00Z"), at("2024-07-11T05:00:00Z"), CHICAGO, 12);
    expect(found.days).toBe(true);
    expect(found.at_ms.length).toBe(11);
  });
});
