import { describe, expect, it } from "vitest";
import { AHEAD_MS, PAST_MS, picture, stack, together, whole, type Whole } from "./balance";
import { area, forecast, HOUR_MS } from "./testdata";
import type { TrendDocument } from "./trend";

const MIN_MS = 60_000;
const NOW_MS = 1_000 * HOUR_MS + 20 * MIN_MS + 30_000;

function past(count: number): TrendDocument {
  const start_ms = NOW_MS - (NOW_MS % MIN_MS) - count * MIN_MS;
  const all = <T>(value: T): T[] => Array<T>(count).fill(value);
  return {
    at_ms: NOW_MS,
    area: "",
    start_ms,
    step_s: 60,
    demand_kw: all(900),
    losses_kw: all(20),
    import_kw: all(500),
    reserve_kw: all(0),
    shortfall_kw: all(0),
    price_usd_per_mwh: all(45),
    generation_kw_by_type: { engine: all(420), photovoltaic: all(0) },
  };
}

describe("whole", () => {
  it("adds areas up and joins their odds", () => {
    const both = whole([area(), area({ id: "south", lolp: 0.2, import_kw: -50 })]);
    expect(both.demand_kw).toBe(2000);
    expect(both.import_kw).toBe(550);
    expect(both.by_type).toEqual({ engine: 1000, battery: -140 });
    expect([both.given_kw, both.charging_kw]).toEqual([1000, 140]);
    expect(both.lolp).toBeCloseTo(1 - 0.9 * 0.8);
    expect(both.price).toBe(50);
  });

  it("knows no price where the market was not heard", () => {
    expect(whole([area({ rates: null })]).price).toBeNull();
  });
});

describe("together", () => {
  it("adds forecasts up interval by interval, and takes the mean of prices", () => {
    const second = forecast({ id: "south", forecast_price_usd_per_mwh: [70, 80, 60], planned_kw_by_type: { engine: [1, 2, 3] } });
    const both = together([forecast(), second])!;
    expect(both.forecast_kw).toEqual([2000, 2200, 1800]);
    expect(both.planned_kw_by_type).toEqual({ engine: [451, 502, 303], battery: [-50, 100, 0] });
    expect(both.forecast_price_usd_per_mwh).toEqual([60, 80, 50]);
  });

  it("does not mix forecasts of different intervals, and leaves out those without", () => {
    expect(together([forecast(), forecast({ forecast_step_s: 900 })])).toBeNull();
    const none = forecast({ id: "island", forecast_start_ms: 0, forecast_kw: [] });
    expect(together([forecast(), none])!.forecast_kw).toEqual([1000, 1100, 900]);
    expect(together([])).toBeNull();
  });
});

describe("picture", () => {
  const now: Whole = whole([area()]);

  it("lays past, present and plan on one axis that only rises", () => {
    const made = picture(past(3), now, NOW_MS, forecast());
    expect(made.at_s).toEqual([...made.at_s].sort((a, b) => a - b));
    expect(new Set(made.at_s).size).toBe(made.at_s.length);
    expect(made.demand_kw).toEqual([900, 900, 900, 1000, null, null, null, null]);
    expect(made.need_kw).toEqual([920, 920, 920, 1030, 1000, 1100, 900, 900]);
    expect(made.low_kw).toEqual([null, null, null, null, 950, 1000, 800, 800]);
    expect(made.price).toEqual([45, 45, 45, 50, 50, 80, 40, 40]);
    expect(made.at_s.at(-1)).toBe((1_003 * HOUR_MS) / 1000);
  });

  it("starts the plan at the interval that holds the present", () => {
    const made = picture(null, now, NOW_MS + HOUR_MS, forecast());
    expect(made.need_kw).toEqual([1030, 1000, 1100, 900, 900]);
    const second = picture(null, now, NOW_MS + HOUR_MS, {
      ...forecast({ forecast_start_ms: 1_001 * HOUR_MS }),
    });
    expect(second.at_s[1]).toBe((NOW_MS + HOUR_MS) / 1000);
    expect(second.at_s[2]).toBe((1_002 * HOUR_MS) / 1000);
  });

  it("names only sources that gave or took anything, the utility last", () => {
    const names = picture(past(3), now, NOW_MS, forecast()).sources.map((one) => one.name);
    expect(names).toEqual(["engine", "battery", "utility"]);
  });

  it("reaches 6 h back and 24 h ahead, no further", () => {
    const long = forecast({
      forecast_kw: Array(40).fill(1000),
      forecast_low_kw: Array(40).fill(900),
      forecast_high_kw: Array(40).fill(1100),
      planned_import_kw: Array(40).fill(500),
    });
    const made = picture(past(500), now, NOW_MS, long);
    expect(made.at_s[0]).toBeGreaterThanOrEqual((NOW_MS - PAST_MS) / 1000);
    expect(made.at_s.at(-1)).toBe((NOW_MS + AHEAD_MS) / 1000);
  });

  it("keeps unknown minutes unknown", () => {
    const holed = past(3);
    holed.import_kw[1] = null;
    holed.demand_kw[1] = null;
    const made = picture(holed, now, NOW_MS, null);
    expect(made.need_kw[1]).toBeNull();
    expect(made.sources.every((one) => one.kw[1] === null)).toBe(true);
  });
});

describe("stack", () => {
  it("piles what is given above the ground and what is taken below", () => {
    const made = stack([
      { name: "engine", kw: [100, 50, null] },
      { name: "battery", kw: [-20, 30, null] },
      { name: "utility", kw: [40, -10, null] },
    ]);
    expect(made.above).toEqual([
      { name: "engine", edge: [100, 50, null] },
      { name: "battery", edge: [100, 80, null] },
      { name: "utility", edge: [140, 80, null] },
    ]);
    expect(made.below).toEqual([
      { name: "battery", edge: [-20, 0, null] },
      { name: "utility", edge: [-20, -10, null] },
    ]);
  });

  it("closes: what is given less what is taken is the sum of all sources", () => {
    const made = picture(past(3), whole([area()]), NOW_MS, forecast());
    const { above, below } = stack(made.sources);
    made.at_s.forEach((_, k) => {
      const sum = made.sources.reduce((kw, one) => kw + (one.kw[k] ?? 0), 0);
      const piled = (above.at(-1)?.edge[k] ?? 0) + (below.at(-1)?.edge[k] ?? 0);
      expect(piled).toBeCloseTo(sum, 6);
    });
  });
});
