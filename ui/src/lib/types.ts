// Rows of the center's stream and answers of its API; the server's words, unit by unit.

export type Role = "viewer" | "operator" | "admin";
export type Severity = "critical" | "warning" | "note";

export interface PlantHead {
  edition: number;
  at_ms: number;
  fleet: string;
  center_id: string;
  fence: number;
  mode: "recovering" | "commanding" | "stood_down" | "refusing";
  cycle: number;
  objective: string;
  counters: Record<string, number>;
  plan_status: string;
  plan_gap: number;
  plan_age_s: number;
  time_zone: string;
  speed: number;
  link_up: boolean;
  journal_fault: string;
}

export interface AreaRates {
  price_usd_per_mwh: number | null;
  expense_usd_per_h: number | null;
  own_usd_per_h: number;
  own_kw: number;
  input_kw: number;
  output_kw: number;
}

export interface AreaRow {
  id: string;
  name: string;
  demand_kw: number;
  estimated_kw: number;
  losses_kw: number;
  generation_kw: number;
  generation_kw_by_type: Record<string, number>;
  import_kw: number;
  import_limit_kw: number;
  export_limit_kw: number;
  reserve_kw: number;
  largest_unit_kw: number;
  largest_unit: string;
  shortfall_kw: number;
  shortfall_cause: string;
  lolp: number;
  price_usd_per_mwh: number;
  frequency_hz: number;
  energised: boolean;
  quality: string;
  rates?: AreaRates | null;
  island?: Island | null;
}

/** A load step of a microgrid, and whether it is wished closed. */
export interface IslandStep {
  id: string;
  priority: number;
  power_kw: number;
  contact: string;
  load_kw: number | null;
  wanted: boolean;
}

/** An area's coupling to the utility and its life as an island; its texts are the center's. */
export interface Island {
  state: string;
  since_ms: number;
  coupling: string;
  utility: string;
  bus: string;
  synchroniser: string;
  former: string;
  sets: string[];
  steps: IslandStep[];
  load_kw: number;
  able_kw: number;
  reserve_kw: number;
  text: string;
  trouble: string;
}

export interface ForecastRow {
  id: string;
  forecast_start_ms: number;
  forecast_step_s: number;
  forecast_kw: number[];
  forecast_low_kw: number[];
  forecast_high_kw: number[];
  planned_generation_kw: number[];
  planned_import_kw: number[];
  planned_kw_by_type?: Record<string, number[]>;
  forecast_price_usd_per_mwh?: number[];
  forecast_price_low_usd_per_mwh?: number[];
  forecast_price_high_usd_per_mwh?: number[];
  price_source?: PriceSource | null;
}

/** Who forecast the prices of a plan; no model: similar days. */
export interface PriceSource {
  model: string;
  market: string;
  issued_at_ms: number;
  trained_at_ms: number;
  data_until_ms: number;
  reaches_ms: number;
  last_issued_ms: number;
  scarcity: { limit_usd_per_mwh: number; at_least_s: number; within_s: number; probability: number } | null;
}

export interface DeviceRow {
  id: string;
  type: string;
  site: string;
  area: string;
  state: string;
  mode: string;
  quality: string;
  heard_ms: number;
  power_kw: number;
  setpoint_kw: number | null;
  order: string;
  available_kw: number;
  rated_kw: number;
  energy_kwh: number | null;
  energy_capacity_kwh: number | null;
  fuel_level: number | null;
  fuel_floor: number | null;
  run_h: number | null;
  permit_class: string;
  permit_left_h: number | null;
  reason: string;
  override: string;
  alarms: string[];
}

export interface PlanRow {
  id: string;
  planned_kw: number[];
}

export interface AlarmRow {
  id: string;
  severity: Severity;
  subject: string;
  text: string;
  advice: string;
  since_ms: number;
}

export interface DecisionRow {
  at_ms: number;
  device: string;
  kind: string;
  text: string;
}

export interface CommandRow {
  id: string;
  at_ms: number;
  site: string;
  device: string;
  order: string;
  power_kw: number;
  outcome: string;
  reason: string;
  latency_s: number | null;
}

export interface Message<Row> {
  full: boolean;
  changed: Row[];
  gone: string[];
}

/** An error the API answered with (RFC 9457), or one made here when the line failed. */
export interface Problem {
  status: number;
  title: string;
  detail: string;
  errors?: { path: string; message: string; value?: string }[];
  /** Known names that look like the one given. */
  suggestions?: string[];
}
