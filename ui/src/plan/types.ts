// The plan as the center answers with it.

/** First interval, end (not included), whether a start begins it. */
export type Span = [number, number, boolean];

export interface PlanArea {
  id: string;
  price_usd_per_mwh: number[];
  demand_kw: number[];
  generation_kw: number[];
  import_kw: number[];
  import_limit_kw: number[];
  reserve_kw: number[];
  reserve_wanted_kw: number[];
}

export interface PlanDevice {
  id: string;
  type: string;
  area: string;
  most_kw: number;
  spans: Span[];
  power_kw: number[];
  energy_kwh: number[] | null;
  energy_capacity_kwh: number | null;
}

export interface Shortfall {
  kind: string;
  where: string;
  area: string;
  interval: number;
  at_ms: number;
  intervals: number;
  amount: number;
  unit: string;
  cause: string;
}

export interface PlanDocument {
  plan: string;
  status: "none" | "optimal" | "time_limit" | "fallback";
  method: string;
  objective: string;
  gap: number;
  seconds: number;
  objective_usd: number;
  lower_bound_usd: number;
  made_ms: number;
  start_ms: number;
  step_s: number;
  count: number;
  areas: PlanArea[];
  total: number;
  next: number | null;
  devices: PlanDevice[];
  shortfalls_total: number;
  shortfalls: Shortfall[];
  /** It was made before the center began, and read back from its journal. */
  restored: boolean;
}

export interface Limit {
  kind: string;
  amount: number;
  unit: string;
  text: string;
}

export interface Alternative {
  id: string;
  source: string;
  power_kw: number;
  cost_usd_per_kwh: number;
  dearer_by_usd_per_kwh: number;
}

interface Reason {
  device: string;
  interval: number;
  at_ms: number;
  sentences: string[];
}

interface PlannedReason extends Reason {
  device_type: string;
  area: string;
  verdict: string;
  power_kw: number;
  price_usd_per_kwh: number;
  limits: Limit[];
}

export interface UnitWhy extends PlannedReason {
  kind: "unit";
  on: boolean;
  starts: boolean;
  output_kw: number;
  no_load_usd_per_h: number;
  energy_usd_per_h: number;
  start_usd: number;
  start_usd_per_kwh: number;
  cost_usd_per_kwh: number;
  margin_usd_per_h: number;
  next_best: Alternative | null;
  others: Alternative[];
}

export interface StoreWhy extends PlannedReason {
  kind: "store";
  energy_kwh: number;
  value_usd_per_kwh: number;
  buys_below_usd_per_kwh: number;
  sells_above_usd_per_kwh: number;
}

export interface RenewableWhy extends PlannedReason {
  kind: "renewable";
  available_kw: number;
  cost_usd_per_kwh: number;
}

export interface NotPlanned extends Reason {
  kind: "not_planned";
}

export type Why = UnitWhy | StoreWhy | RenewableWhy | NotPlanned;

export interface WhyDocument {
  plan: string;
  start_ms: number;
  end_ms: number;
  why: Why;
}

export interface Compared {
  objective: string;
  status: string;
  gap: number;
  seconds: number;
  operating_expense_usd: number;
  cost_usd_per_kwh: number;
  efficiency: number | null;
  lolp: number;
  eens_kwh: number;
  starts: number;
  unit_h: number;
  imported_kwh: number;
  generated_kwh: number;
  shortfalls: number;
}

export interface Comparison {
  status: "none" | "running" | "done" | "failed";
  plan: string;
  begun_ms: number;
  start_ms: number;
  rows: Compared[];
  error: string;
}
