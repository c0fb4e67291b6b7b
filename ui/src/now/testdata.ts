// Rows as the center sends them, for the tests beside this.

import type { AreaRow, ForecastRow } from "../lib/types";

export const HOUR_MS = 3_600_000;

/** An area in balance: 1,000 kW of demand, an engine, a battery that charges, an import. */
export function area(more: Partial<AreaRow> = {}): AreaRow {
  return {
    id: "north",
    name: "North",
    demand_kw: 1000,
    estimated_kw: 0,
    losses_kw: 30,
    generation_kw: 430,
    generation_kw_by_type: { engine: 500, battery: -70 },
    import_kw: 600,
    import_limit_kw: 800,
    export_limit_kw: 100,
    reserve_kw: 300,
    largest_unit_kw: 250,
    largest_unit: "n-engine",
    shortfall_kw: 0,
    shortfall_cause: "",
    lolp: 0.1,
    price_usd_per_mwh: 50,
    frequency_hz: 60.01,
    energised: true,
    quality: "good",
    rates: {
      price_usd_per_mwh: 50,
      expense_usd_per_h: 80,
      own_usd_per_h: 50,
      own_kw: 500,
      input_kw: 2000,
      output_kw: 1000,
    },
    ...more,
  };
}

/** Three hours of plan for it. */
export function forecast(more: Partial<ForecastRow> = {}): ForecastRow {
  return {
    id: "north",
    forecast_start_ms: 1_000 * HOUR_MS,
    forecast_step_s: 3600,
    forecast_kw: [1000, 1100, 900],
    forecast_low_kw: [950, 1000, 800],
    forecast_high_kw: [1050, 1300, 1200],
    planned_generation_kw: [400, 600, 300],
    planned_import_kw: [600, 500, 600],
    planned_kw_by_type: { engine: [450, 500, 300], battery: [-50, 100, 0] },
    forecast_price_usd_per_mwh: [50, 80, 40],
    ...more,
  };
}
