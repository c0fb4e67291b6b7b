import { describe, expect, it } from "vitest";
import { askAfter, blocks, joined, MANY, plotted } from "./trace";
import type { DeviceDossier, DeviceTrace, DeviceView } from "./types";
import { why } from "./why";

const TRACE: DeviceTrace = {
  at_ms: 40_000,
  device: "a",
  step_s: 10,
  kept_h: 24,
  level_unit: "l",
  times_ms: [10_000, 20_000, 30_000, 40_000],
  power_kw: [1, null, 3, 4],
  setpoint_kw: [null, 2, 2, 2],
  level: [9, 8, 7, 6],
  states: [
    { state: "idle", since_ms: 0, until_ms: 25_000, seen: false },
    { state: "running", since_ms: 25_000, until_ms: null, seen: true },
  ],
  back_to_ms: 0,
  reading_back: false,
};

describe("a trace", () => {
  it("grows by what is new only", () => {
    const news: DeviceTrace = {
      ...TRACE,
      at_ms: 50_000,
      times_ms: [40_000, 50_000],
      power_kw: [4, 5],
      setpoint_kw: [2, null],
      level: [6, 5],
    };
    const both = joined(TRACE, news);
    expect(both.times_ms).toEqual([10_000, 20_000, 30_000, 40_000, 50_000]);
    expect(both.power_kw).toEqual([1, null, 3, 4, 5]);
    expect(joined(both, { ...news, at_ms: 60_000 }).times_ms).toEqual(both.times_ms);
    expect(joined(both, { ...news, device: "b" }).times_ms).toEqual([40_000, 50_000]);
  });
  it("is asked for anew while older samples come back, and when it has grown too long", () => {
    expect(askAfter(null)).toBe(0);
    expect(askAfter(TRACE)).toBe(40_000);
    expect(askAfter({ ...TRACE, reading_back: true })).toBe(0);
    expect(askAfter({ ...TRACE, times_ms: Array.from({ length: MANY }, (_, n) => n) })).toBe(0);
    const idle = joined(TRACE, { ...TRACE, times_ms: [], power_kw: [], at_ms: 50_000, back_to_ms: -9 });
    expect([idle.times_ms, idle.back_to_ms, idle.at_ms]).toEqual([TRACE.times_ms, -9, 50_000]);
  });
  it("is followed by the plan, from now to its end", () => {
    const columns = plotted(TRACE, 20_000, 90_000, [7, 8, 9], 30_000, 20);
    expect(columns.at_s).toEqual([20, 30, 40, 40.001, 50, 70, 90]);
    expect(columns.power).toEqual([null, 3, 4, null, null, null, null]);
    expect(columns.planned).toEqual([null, null, null, 7, 8, 9, 9]);
    const cut = plotted(TRACE, 20_000, 60_000, [7, 8, 9], 30_000, 20);
    expect(cut.at_s).toEqual([20, 30, 40, 40.001, 50, 60]);
    expect(cut.planned.slice(3)).toEqual([7, 8, 8]);
  });
  it("has its states tile the time", () => {
    const tiles = blocks(TRACE, 0, 50_000);
    expect(tiles.map((tile) => [tile.state, tile.left, tile.width])).toEqual([
      ["idle", 0, 50],
      ["running", 50, 30],
    ]);
    expect(blocks(TRACE, 30_000, 50_000).map((tile) => tile.state)).toEqual(["running"]);
  });
});

function dossier(device: Partial<DeviceView>, more: Partial<DeviceDossier> = {}): DeviceDossier {
  return {
    at_ms: 0,
    device: {
      id: "s1-gen",
      type: "engine",
      site: "s1",
      area: "north",
      state: "running",
      mode: "auto",
      quality: "good",
      age_s: 1,
      power_kw: 5,
      setpoint_kw: 5,
      order: "run",
      available_kw: 10,
      rated_kw: 10,
      energy_kwh: null,
      energy_capacity_kwh: null,
      fuel_level: null,
      fuel_floor: null,
      run_h: null,
      permit_class: "",
      permit_left_h: null,
      reason: "s1-gen started: import would pass its limit",
      override: "",
      alarms: [],
      planned_kw: [],
      ...device,
    },
    site: null,
    account: null,
    promise: null,
    starts: [],
    commands: [],
    decisions: [],
    alarms: [],
    characteristics: [],
    back_to_ms: 0,
    ...more,
  };
}

describe("why", () => {
  it("says the center's reason without the device's own name", () => {
    expect(why(dossier({})).text).toBe("Started: import would pass its limit.");
    expect(why(dossier({ state: "idle" })).text).toBe(
      "Not needed now. Last: started: import would pass its limit.",
    );
  });
  it("puts a person's hold and a fault first", () => {
    expect(why(dossier({ override: "off by kim" })).text).toBe("Held by an operator: off by kim.");
    const account = {
      device: "s1-gen",
      permit: null,
      starts_24h: 0,
      max_starts_per_day: 6,
      on: false,
      on_since_ms: null,
      called_ms: null,
      failure: "failed to start",
      failed_ms: 7,
      retry_ms: null,
      exercise: null,
    };
    const found = why(dossier({ override: "off by kim" }, { account }));
    expect([found.text, found.tone, found.since_ms]).toEqual([
      "Left alone until it is reset: failed to start.",
      "bad",
      7,
    ]);
  });
  it("does not pass old values off as news", () => {
    const silent = why(dossier({ quality: "stale", age_s: 187 }));
    expect([silent.tone, silent.text.startsWith("Silent for 3 min 7 s")]).toEqual(["warn", true]);
    expect(why(dossier({ state: "fault", alarms: ["low oil pressure"] })).text).toBe(
      "In fault: its controller says low oil pressure.",
    );
  });
  it("tells curtailed sun from free sun", () => {
    const sun = { type: "photovoltaic", reason: "", available_kw: 8 };
    expect(why(dossier({ ...sun, setpoint_kw: null })).text).toContain("allows: 8 kW");
    expect(why(dossier({ ...sun, setpoint_kw: 3 })).text).toContain("Held at 3 kW of 8 kW");
  });
});
