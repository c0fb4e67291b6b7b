import { describe, expect, it } from "vitest";
import { clusters, evenly, eventAround, kindWord, movedEnd, neighbour, range, sum, windowPicture, type Mark, type Series, type Span, type Trend } from "./past";

function series(area: string, demand: (number | null)[], types: Record<string, (number | null)[]> = {}): Series {
  const same = (value: number): (number | null)[] => demand.map((kw) => (kw === null ? null : value));
  return {
    area,
    demand_kw: demand,
    losses_kw: same(1),
    generation_kw: same(3),
    generation_kw_by_type: types,
    import_kw: same(5),
    shortfall_kw: same(0),
    price_usd_per_mwh: same(area === "a" ? 10 : 20),
  };
}
const trend: Trend = {
  at_ms: [0, 60_000, 120_000],
  areas: [series("a", [1, 2, null], { engine: [1, 1, null] }), series("b", [10, 20, 30], { battery: [-2, 3, 4] })],
};

describe("series", () => {
  it("add up, and what one area does not know is unknown", () => {
    expect(sum(trend.areas, (one) => one.demand_kw)).toEqual([11, 22, null]);
  });
  it("become even columns of all areas or one", () => {
    const all = evenly(trend, "", 0, 60, 4);
    expect(all.demand_kw).toEqual([11, 22, null, null]);
    expect(all.price_usd_per_mwh).toEqual([15, 15, 20, 20]);
    expect(all.generation_kw_by_type.battery).toEqual([-2, 3, null, null]);
    expect(evenly(trend, "b", 0, 60, 3).demand_kw).toEqual([10, 20, 30]);
  });
  it("become a picture whose sources and need balance", () => {
    const picture = windowPicture(trend);
    expect(picture.sources.map((source) => source.name)).toEqual(["engine", "battery", "utility"]);
    expect(picture.need_kw).toEqual([13, 24, null]);
    const old = windowPicture({ at_ms: [0], areas: [series("a", [1])] });
    expect(old.sources.map((source) => source.name)).toEqual(["own_devices", "utility"]);
  });
});

describe("marks", () => {
  const marks: Mark[] = [
    { at_ms: 10, kind: "start", subject: "x", text: "" },
    { at_ms: 12, kind: "failure", subject: "x", text: "" },
    { at_ms: 80, kind: "start", subject: "y", text: "" },
  ];
  it("that would stand on each other are one of the gravest kind", () => {
    const found = clusters(marks, 0, 100, 10);
    expect(found.map((one) => [one.at_ms, one.kind, one.marks.length])).toEqual([
      [12, "failure", 2],
      [80, "start", 1],
    ]);
    expect(clusters(marks, 50, 100, 10)).toHaveLength(1);
  });
  it("have neighbours", () => {
    expect(neighbour(marks, 10, true)?.at_ms).toBe(12);
    expect(neighbour(marks, 10, false)).toBeUndefined();
    expect(neighbour(marks, 90, true)).toBeUndefined();
  });
  it("have words", () => {
    expect(kindWord("command")).toBe("operator's command");
  });
});

describe("the slider's range", () => {
  const span = { first_ms: 1000, last_ms: 101_000 } as Span;
  it("stays within the journal", () => {
    expect(range(span, 0, 5)).toEqual([1000, 101_000]);
    expect(range(span, 10_000, 50_000)).toEqual([45_000, 55_000]);
    expect(range(span, 10_000, 100_500)).toEqual([91_000, 101_000]);
    expect(range(span, 10_000, 0)).toEqual([1000, 11_000]);
  });
});

describe("the window of a report", () => {
  const minute = 60_000;
  const at = (m: number, kind = "start"): Mark => ({ at_ms: m * minute, kind, subject: "x", text: "" });
  const span = { first_ms: 0, last_ms: 300 * minute } as Span;
  it("is the nearest event with all that follows closely", () => {
    const marks = [at(20), at(100), at(108), at(117, "failure"), at(128, "session"), at(200)];
    expect(eventAround(marks, 104 * minute, span)).toEqual([95 * minute, 127 * minute]);
    expect(eventAround(marks, 0, span)).toEqual([15 * minute, 30 * minute]);
    expect(eventAround(marks, 299 * minute, span)).toEqual([195 * minute, 210 * minute]);
    expect(eventAround([at(1), at(299)], 0, span)).toEqual([0, 11 * minute]);
    expect(eventAround([at(128, "session")], 128 * minute, span)).toBeNull();
  });
  it("has ends that stay in order and within the range", () => {
    const range: [number, number] = [10 * minute, 90 * minute];
    expect(movedEnd([20 * minute, 40 * minute], 0, 30 * minute, range)).toEqual([30 * minute, 40 * minute]);
    expect(movedEnd([20 * minute, 40 * minute], 0, 60 * minute, range)).toEqual([39 * minute, 40 * minute]);
    expect(movedEnd([20 * minute, 40 * minute], 1, 0, range)).toEqual([20 * minute, 21 * minute]);
    expect(movedEnd([20 * minute, 40 * minute], 1, 200 * minute, range)).toEqual([20 * minute, 90 * minute]);
    expect(movedEnd([20 * minute, 40 * minute], 0, 25 * minute + 499, range)).toEqual([25 * minute, 40 * minute]);
  });
});
