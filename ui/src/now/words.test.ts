import { describe, expect, it } from "vitest";
import { bySeverity, matching } from "./alarms";
import { area, forecast } from "./testdata";
import { objectives } from "./objectives";
import { addressOf, ahead, odds, priceWords, share, tightest, unbacked, verdict, type CostStep } from "./words";

const START_MS = forecast().forecast_start_ms;

function step(usd_per_mwh: number, devices: number, on: number, device = `d${usd_per_mwh}`): CostStep {
  return { usd_per_mwh, type: "fuel_cell", devices, on, available_kw: 100, power_kw: 0, device };
}

describe("verdict", () => {
  it("says that demand is met only when nothing speaks against it", () => {
    expect(verdict([area()], "commanding")).toMatchObject({ tone: "good", headline: "Demand is met" });
  });

  it("puts a shortfall first, with its cause", () => {
    const said = verdict([area({ shortfall_kw: 40, shortfall_cause: "s1 failed" }), area()], "commanding");
    expect(said).toEqual({ tone: "bad", headline: "Demand is short by 40 kW", detail: "North: s1 failed" });
  });

  it.each([
    [{ energised: false }, "commanding", "Demand is met without the utility"],
    [{}, "recovering", "Demand is met, the center does not command"],
    [{ reserve_kw: 100 }, "commanding", "Demand is met, reserve is thin"],
    [{ quality: "stale" }, "commanding", "Demand is met as far as is known"],
  ])("warns: %o in mode %s", (more, mode, headline) => {
    expect(verdict([area(more)], mode)).toMatchObject({ tone: "warn", headline });
  });

  it("claims nothing before anything was heard", () => {
    expect(verdict([], "recovering").headline).toBe("No balance yet");
  });
});

describe("tightest", () => {
  it("does not call it met while a site has lost its backup", () => {
    const alarms = [
      { id: "outage:s1", severity: "critical", subject: "s1" },
      { id: "site:s1:no_engine_for_own_load", severity: "critical", subject: "s1" },
      { id: "outage:s2", severity: "warning", subject: "s2" },
    ] as const;
    expect(unbacked(alarms)).toEqual(["s1"]);
    const said = verdict([area()], "commanding", unbacked(alarms));
    expect(said).toMatchObject({ tone: "bad", headline: "1 site has no backup" });
    expect(said.detail).toContain("s1");
  });

  it("is the area whose reserve is least beyond its largest unit", () => {
    const thin = area({ id: "south", reserve_kw: 1000, largest_unit_kw: 990 });
    expect(tightest([area(), thin])).toBe(thin);
    expect(tightest([])).toBeUndefined();
  });
});

describe("ahead", () => {
  it("tells peak, limit, turns and price in order of time", () => {
    const events = ahead(forecast({ planned_import_kw: [600, 790, 600] }), 800, START_MS + 60_000);
    expect(events.map((one) => [(one.at_ms - START_MS) / 3_600_000, one.text])).toEqual([
      [1, "demand peaks at 1,100 kW, 1,000 kW to 1,300 kW"],
      [1, "import comes close to its limit: up to 99 % of 800 kW"],
      [1, "battery: discharge, up to 100 kW"],
      [1, "energy is dearest at 80.00 USD/MWh"],
    ]);
  });

  it("does not announce the present, nor what sun and wind do", () => {
    const calm = forecast({
      forecast_kw: [1100, 1000],
      planned_kw_by_type: { photovoltaic: [0, 500] },
      forecast_price_usd_per_mwh: [80, 40],
    });
    expect(ahead(calm, 0, START_MS)).toEqual([]);
    expect(ahead(null, 800, START_MS)).toEqual([]);
  });
});

describe("priceWords", () => {
  it("counts who costs less, who runs all the same, and who is next", () => {
    const text = priceWords(90, [step(60, 2, 1), step(105, 3, 1), step(200, 4, 0)], 150);
    expect(text).toBe(
      "2 of 9 generators cost less than this; 1 of them is on; " +
        "1 runs above it, for the balance, reserve or a hold. " +
        "From 105.00 USD/MWh on, d105 (fuel cell) pays as well. " +
        "At the day's highest price, 150.00, 5 would.",
    );
  });

  it("says so when nothing pays, when nothing may run, and when the price is not known", () => {
    expect(priceWords(20, [step(60, 2, 0)], null)).toMatch(/^Below what any of 2 generators costs/);
    expect(priceWords(20, [], null)).toBe("No generator here may run for its price.");
    expect(priceWords(null, [step(60, 2, 0)], null)).toMatch(/not been heard/);
  });
});

describe("odds", () => {
  it("are told as far as they mean anything", () => {
    expect([0, 1e-7, 0.00004, 0.0004, 0.31].map(share)).toEqual([
      "< 0.0001 %", "< 0.0001 %", "0.0040 %", "0.040 %", "31.0 %",
    ]);
    expect(odds(0.0004)).toBe("1 in 2,500");
    expect(odds(0)).toBe("less than 1 in a million");
  });
});

describe("objectives", () => {
  it("adds rates up before it divides", () => {
    const second = area({ rates: { price_usd_per_mwh: 50, expense_usd_per_h: 20, own_usd_per_h: 0, own_kw: 500, input_kw: 500, output_kw: 500 } });
    expect(objectives([area(), second])).toEqual({
      expense_usd_per_h: 100,
      cost_usd_per_kwh: 0.05,
      efficiency: 0.6,
    });
  });

  it("knows nothing where a part is not known", () => {
    const unpriced = area({ rates: { ...area().rates!, expense_usd_per_h: null } });
    expect(objectives([area(), unpriced]).expense_usd_per_h).toBeNull();
    expect(objectives([area(), unpriced]).efficiency).toBe(0.5);
    expect(objectives([area({ rates: null })]).efficiency).toBeNull();
    expect(objectives([])).toEqual({ expense_usd_per_h: null, cost_usd_per_kwh: null, efficiency: null });
  });
});

describe("alarms", () => {
  const alarm = (id: string, severity: "critical" | "warning" | "note", since_ms: number, acked_by?: string) => ({
    id, severity, subject: id.split(":")[1]!, text: "fail to start", advice: "look", since_ms, acked_by,
  });
  const all = [
    alarm("meter:u1", "note", 9),
    alarm("failure:d1", "warning", 5),
    alarm("failure:d2", "warning", 7),
    alarm("failure:d3", "warning", 8, "ann"),
    alarm("stop:d9", "critical", 1),
  ];

  it("come by severity, those nobody looks after first, then the latest", () => {
    expect(bySeverity(all).map((one) => one.subject)).toEqual(["d9", "d2", "d1", "d3", "u1"]);
  });

  it("are found by severity and by every word", () => {
    expect(matching(all, new Set(["note", "critical"]), "")).toHaveLength(2);
    expect(matching(all, new Set(), "FAIL d2").map((one) => one.subject)).toEqual(["d2"]);
  });

  it("lead to what they are about", () => {
    expect(addressOf("failure:n-1", "n-1")).toBe("#/device/n-1");
    expect(addressOf("silent:site-7", "site-7")).toBe("#/fleet?filter=site%3Asite-7");
    expect(addressOf("shortfall:north", "north")).toBe("#/now?area=north");
    expect(addressOf("malformed:x", "x")).toBe("");
  });
});
