// What the page of actions sends and gets, and the plain logic behind it.

import { ApiError } from "../lib/api";
import type { Role } from "../lib/types";

export type Scope = "device" | "site" | "area" | "fleet";
export const SCOPES: readonly Scope[] = ["device", "site", "area", "fleet"];

export type ActionName = "hold" | "off" | "release" | "emergency_stop" | "reset";

export interface ActionEntry {
  name: ActionName;
  /** The server's action and its address. */
  action: "override" | "release" | "emergency_stop" | "reset";
  path: string;
  word: string;
  help: string;
  role: Role;
  danger: boolean;
}

export const ACTIONS: readonly ActionEntry[] = [
  {
    name: "hold",
    action: "override",
    path: "/override",
    word: "Start and hold",
    help: "Runs each device at this power, whatever the plan says.",
    role: "operator",
    danger: false,
  },
  {
    name: "off",
    action: "override",
    path: "/override",
    word: "Stop and hold off",
    help: "Stops each device in order, with its cool-down, and keeps it off.",
    role: "operator",
    danger: false,
  },
  {
    name: "release",
    action: "release",
    path: "/release",
    word: "Release",
    help: "Gives held devices back to the plan.",
    role: "operator",
    danger: false,
  },
  {
    name: "emergency_stop",
    action: "emergency_stop",
    path: "/emergency-stop",
    word: "Emergency stop",
    help: "At once, without cool-down. Locked until an admin resets.",
    role: "operator",
    danger: true,
  },
  {
    name: "reset",
    action: "reset",
    path: "/reset",
    word: "Reset",
    help: "Lifts an emergency stop or a lock-out. Starts nothing.",
    role: "admin",
    danger: false,
  },
];

/** The action an address asks for; `start`, `stop` and `override` are understood too. */
export function actionOf(name: string): ActionEntry {
  const meant = { start: "hold", override: "hold", stop: "off", "emergency-stop": "emergency_stop" };
  const known = meant[name as keyof typeof meant] ?? name;
  return ACTIONS.find((entry) => entry.name === known) ?? ACTIONS[0]!;
}

export interface AreaConsequence {
  area: string;
  change_kw: number;
  reserve_kw: number;
  import_before_kw: number;
  import_after_kw: number;
  import_limit_kw: number;
  import_over_limit_kw: number;
}

export interface Consequence {
  devices: number;
  active: number;
  power_now_kw: number;
  power_after_kw: number;
  change_kw: number;
  named: string[];
  areas: AreaConsequence[];
  warnings: string[];
  lines: string[];
}

export interface Submitted {
  result: "submitted";
  id: string;
  at_ms: number;
  text: string;
}

export interface ChosenSet {
  device: string;
  site: string;
  kw: number;
  run_kw: number;
  odds: number;
  usd: number;
  fuel: number;
  gas: boolean;
  run_h: number;
  on: boolean;
  light_load: boolean;
  score: number;
}

export interface Selection {
  target_kw: number;
  probability: number;
  chosen: ChosenSet[];
  total_kw: number;
  expected_kw: number;
  firm_kw: number;
  firm_95_kw: number;
  firm_99_kw: number;
  missing_kw: number;
  usd: number;
  fuel_l: number;
  fuel_m3: number;
  run_h: number;
  in_line: ChosenSet[];
  excluded: { device: string; reason: string }[];
}

export interface ActivationPreview {
  at_ms: number;
  from_ms: number;
  until_ms: number;
  purpose: string;
  selection: Selection;
  already_kw: number;
  warnings: string[];
  lines: string[];
}

export interface ActivationSet {
  device: string;
  site: string;
  kw: number;
  power_kw: number;
  state: string;
  start_ms: number;
  replaces: string;
  lost: string;
}

export interface Activation {
  id: string;
  actor: string;
  reason: string;
  scope: string;
  target: string;
  purpose: string;
  asked_ms: number;
  from_ms: number;
  until_ms: number;
  phase: "waiting" | "starting" | "running" | "returning" | "ended" | "cancelled";
  target_kw: number;
  probability: number;
  firm_kw: number;
  missing_kw: number;
  delivered_kw: number;
  delivered_kwh: number;
  in_line: string[];
  sets: ActivationSet[];
  cancelled_by: string;
}

export type Point = [number, number];

export interface Places {
  fleet: string;
  areas: { id: string; name: string; islanded: boolean; border: { coordinates: Point[][] } }[];
  feeders: { id: string; name: string; area: number }[];
  sites: { ids: string[]; names: string[]; area: number[]; longitude: number[]; latitude: number[] };
}

/** Reasons to run that a person may give, with what permits make of them. */
export const PURPOSES: readonly { value: string; word: string; help: string }[] = [
  {
    value: "demand",
    word: "Demand of the area",
    help: "Emergency-class engines are left out: their permits forbid it.",
  },
  {
    value: "emergency_alert",
    word: "Emergency alert",
    help: "Emergency-class engines only in a declared alert and with the five conditions on record; at most 50 h a year.",
  },
  {
    value: "operator",
    word: "Operator's order",
    help: "Counts as maintenance and testing for emergency-class engines; must not be paid for.",
  },
  { value: "price", word: "Price", help: "Emergency-class engines are left out." },
  { value: "exercise", word: "Exercise", help: "Counts as maintenance and testing." },
];

export const PROBABILITIES = [0.9, 0.95, 0.99] as const;

/** The ring of a GeoJSON text (Polygon, or a Feature or collection with one).
 *
 * Throws an Error that says what is wrong.
 */
export function ringOf(text: string): Point[] {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("This is not JSON.");
  }
  type Json = { type?: string; features?: Json[]; geometry?: Json; coordinates?: unknown };
  let shape = found as Json;
  if (shape?.type === "FeatureCollection") {
    if (shape.features?.length !== 1) throw new Error("One polygon at a time, please.");
    shape = shape.features[0]!;
  }
  if (shape?.type === "Feature") shape = shape.geometry ?? {};
  if (shape?.type !== "Polygon" || !Array.isArray(shape.coordinates)) {
    throw new Error("A GeoJSON Polygon is wanted.");
  }
  const rings = shape.coordinates as unknown[];
  if (rings.length !== 1) throw new Error("A polygon with holes cannot be used.");
  const ring = rings[0] as unknown[];
  const points = ring.map((point) => {
    const [x, y] = point as [number, number];
    if (!Number.isFinite(x) || !Number.isFinite(y)) throw new Error("A point is not [longitude, latitude].");
    return [x, y] as Point;
  });
  const [first, last] = [points[0], points.at(-1)];
  if (points.length > 1 && first![0] === last![0] && first![1] === last![1]) points.pop();
  if (points.length < 3) throw new Error("A polygon has at least three corners.");
  return points;
}

/** Whether a point lies inside a ring (even-odd rule). */
export function inside(ring: readonly Point[], [x, y]: Point): boolean {
  let found = false;
  for (let k = 0, j = ring.length - 1; k < ring.length; j = k++) {
    const [x1, y1] = ring[k]!;
    const [x2, y2] = ring[j]!;
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) found = !found;
  }
  return found;
}

/** Whether repeating a command under its key may still bring an answer. */
export function mayRepeat(error: unknown): boolean {
  return error instanceof ApiError && [0, 502, 503, 504].includes(error.problem.status);
}

/** Seconds of a length like `90`, `45s`, `30min`, `2h`, `1h30`, `1 h 30 min`; null when it is none.
 *
 * Bare numbers are minutes, also behind hours.
 */
export function secondsOf(text: string): number | null {
  const both = /^\s*(\d+)\s*h\s*(\d{1,2})\s*(?:m|min)?\s*$/.exec(text);
  if (both) return Number(both[2]) < 60 ? Number(both[1]) * 3600 + Number(both[2]) * 60 || null : null;
  const match = /^\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?\s*$/.exec(text);
  if (!match) return null;
  const unit = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 }[match[2] ?? "min"] ?? 60;
  const seconds = Math.round(Number(match[1]) * unit);
  return seconds > 0 ? seconds : null;
}
