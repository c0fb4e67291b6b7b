import { describe, expect, it } from "vitest";
import { append, endMs, type TrendDocument } from "./trend";

const MIN_MS = 60_000;

function piece(start: number, values: (number | null)[], more: Partial<TrendDocument> = {}): TrendDocument {
  return {
    at_ms: (start + values.length) * MIN_MS,
    area: "north",
    start_ms: start * MIN_MS,
    step_s: 60,
    demand_kw: values,
    losses_kw: values.map(() => 1),
    import_kw: values.map(() => 2),
    reserve_kw: values.map(() => 3),
    shortfall_kw: values.map(() => 0),
    price_usd_per_mwh: values.map(() => 40),
    generation_kw_by_type: { battery: values.map(() => 5) },
    ...more,
  };
}

describe("append", () => {
  it("puts the next minutes behind those at hand", () => {
    const joined = append(piece(100, [1, 2]), piece(102, [3]), 1e9);
    expect(joined.demand_kw).toEqual([1, 2, 3]);
    expect(joined.start_ms).toBe(100 * MIN_MS);
    expect(endMs(joined)).toBe(103 * MIN_MS);
  });

  it("leaves a hole where nothing is known", () => {
    const joined = append(piece(100, [1]), piece(103, [4]), 1e9);
    expect(joined.demand_kw).toEqual([1, null, null, 4]);
    expect(joined.generation_kw_by_type.battery).toEqual([5, null, null, 5]);
  });

  it("lets go of what is too old", () => {
    const joined = append(piece(100, [1, 2, 3]), piece(103, [4]), 2 * MIN_MS);
    expect(joined.demand_kw).toEqual([3, 4]);
    expect(joined.start_ms).toBe(102 * MIN_MS);
    expect(joined.losses_kw).toHaveLength(2);
  });

  it("takes a repeated minute from the later piece", () => {
    expect(append(piece(100, [1, 2]), piece(101, [9, 3]), 1e9).demand_kw).toEqual([1, 9, 3]);
  });

  it("counts a type that is not told as zero, not as unknown", () => {
    const later = piece(101, [2], { generation_kw_by_type: { engine: [7] } });
    const joined = append(piece(100, [1]), later, 1e9);
    expect(joined.generation_kw_by_type).toEqual({ battery: [5, 0], engine: [0, 7] });
  });

  it("keeps what is there when nothing is new", () => {
    const joined = append(piece(100, [1]), piece(101, []), 1e9);
    expect(joined.demand_kw).toEqual([1]);
    expect(joined.at_ms).toBe(101 * MIN_MS);
  });

  it("starts anew for another area or when time went back", () => {
    const other = piece(102, [3], { area: "south" });
    expect(append(piece(100, [1, 2]), other, 1e9)).toBe(other);
    const earlier = piece(50, [9]);
    expect(append(piece(100, [1, 2]), earlier, 1e9)).toBe(earlier);
    expect(append(null, earlier, 1e9)).toBe(earlier);
  });
});
