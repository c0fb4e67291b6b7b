// One site as the center tells it, and what a device's row shows of its state.

import type { AlarmRow } from "../lib/types";

export interface SiteDevice {
  id: string;
  type: string;
  state: string;
  quality: string;
  age_s: number;
  power_kw: number;
  rated_kw: number;
  energy_kwh: number | null;
  energy_capacity_kwh: number | null;
}

export interface SitePicture {
  at_ms: number;
  id: string;
  name: string;
  area: string;
  area_name: string;
  feeder: string;
  owner: string;
  time_zone: string;
  state: string;
  supply: string;
  heard_ms: number | null;
  backup_load_kw: number;
  autonomy_h: number;
  devices: SiteDevice[];
  alarms: AlarmRow[];
}

/** A device's state as its mark shows it: what is not heard is silent, stores that take charge. */
export function stateOf(device: SiteDevice): string {
  if (device.quality === "stale" || device.quality === "bad") return "silent";
  if (device.state === "running" && device.power_kw < -0.01 * device.rated_kw) return "charging";
  return device.state;
}
