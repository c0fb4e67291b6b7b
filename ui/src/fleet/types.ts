// What the center answers about the fleet's table and about one device.

import type { CommandRow, DecisionRow, DeviceRow, Severity } from "../lib/types";

export interface TableRow {
  id: string;
  type: string;
  burns: string;
  site: string;
  site_name: string;
  area: string;
  feeder: string;
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
  energy_fraction: number | null;
  fuel_level: number | null;
  fuel_fraction: number | null;
  run_h: number | null;
  permit_class: string;
  permit_left_h: number | null;
  override: string;
  alarm: string;
  reason: string;
}

export interface TableWindow {
  at_ms: number;
  edition: number;
  devices: number;
  total: number;
  offset: number;
  states: Record<string, number>;
  stale: number;
  alarms: number;
  power_kw: number;
  rated_kw: number;
  rows: TableRow[];
}

/** A fault in a filter: where, and what could stand there. */
export interface FilterFault {
  path: string;
  message: string;
  position?: number;
  length?: number;
  suggestions?: string[];
}

export interface StateSpan {
  state: string;
  since_ms: number;
  until_ms: number | null;
  seen: boolean;
}

export interface DeviceTrace {
  at_ms: number;
  device: string;
  step_s: number;
  kept_h: number;
  level_unit: string;
  times_ms: number[];
  power_kw: (number | null)[];
  setpoint_kw: (number | null)[];
  level: (number | null)[];
  states: StateSpan[];
  /** Nothing is known of before that; while reading_back more of it is read from the journal. */
  back_to_ms: number;
  reading_back: boolean;
}

/** A device's row of the stream, with its age in place of the moment it was heard, and its plan. */
export type DeviceView = Omit<DeviceRow, "heard_ms"> & { age_s: number; planned_kw: number[] };

export interface PermitAccount {
  permit_class: string;
  purposes: string[];
  cap_h: number | null;
  stop_h: number | null;
  used_h: number;
  before_h: number;
  left_h: number | null;
  by_purpose_h: Record<string, number>;
}

export interface ExerciseAccount {
  every: "day" | "week" | "month";
  minutes: number;
  load_share: number;
  last_ms: number | null;
  since_ms: number;
  due_ms: number;
  /** Empty: none does. */
  program?: string;
  placed_ms?: number | null;
  bank_due_ms?: number | null;
}

export interface DeviceAccount {
  device: string;
  permit: PermitAccount | null;
  starts_24h: number;
  max_starts_per_day: number | null;
  on: boolean | null;
  on_since_ms: number | null;
  called_ms: number | null;
  failure: string;
  failed_ms: number | null;
  retry_ms: number | null;
  exercise: ExerciseAccount | null;
}

export interface StartEntry {
  at_ms: number;
  order: string;
  trigger: string;
  legal_basis: string;
  binding: string;
  runner_up: string;
  text: string;
}

export interface PastAlarm {
  id: string;
  severity: Severity;
  text: string;
  advice: string;
  since_ms: number;
  until_ms: number | null;
}

export interface Characteristic {
  group: string;
  name: string;
  value: string;
  unit: string;
  about: string;
}

export interface Holding {
  unit: string;
  level: number | null;
  floor: number;
  capacity: number | null;
  reachable: number | null;
  hours_to_floor: number | null;
}

export interface DeviceDossier {
  at_ms: number;
  device: DeviceView;
  site: {
    id: string;
    name: string;
    time_zone: string;
    latitude: number;
    longitude: number;
    owner: string;
    feeder: string;
    transfer: string;
    backup_load_kw: number;
    autonomy_h: number;
    neighbours: string[];
  } | null;
  account: DeviceAccount | null;
  promise: Holding | null;
  starts: StartEntry[];
  commands: CommandRow[];
  decisions: DecisionRow[];
  alarms: PastAlarm[];
  characteristics: Characteristic[];
  back_to_ms: number;
}
