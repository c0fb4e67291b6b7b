// Where things stand in the plan's picture: rows, the part in view, cells under a point or key.

import type { PlanDevice, PlanDocument } from "./types";

export const ROW_PX = 22;
export const AXIS_PX = 22;

export interface HeadRow {
  device: null;
  area: string;
  type: string;
}

export interface DeviceRow {
  device: PlanDevice;
}

export type Row = HeadRow | DeviceRow;

/** Devices with a line above each new area or type. */
export function rowsOf(devices: readonly PlanDevice[]): Row[] {
  const rows: Row[] = [];
  let last = "";
  for (const device of devices) {
    const group = `${device.area} ${device.type}`;
    if (group !== last) rows.push({ device: null, area: device.area, type: device.type });
    last = group;
    rows.push({ device });
  }
  return rows;
}

/** Rows that a scrolled view shows, with one more at each end. */
export function visible(count: number, scrollPx: number, heightPx: number): [number, number] {
  const first = Math.max(0, Math.floor(scrollPx / ROW_PX) - 1);
  const end = Math.min(count, Math.ceil((scrollPx + heightPx) / ROW_PX) + 1);
  return [first, Math.max(first, end)];
}

/** A cell of the picture: a row and an interval. */
export interface Cell {
  row: number;
  interval: number;
}

/** Intervals in view, `from` to `to` (not included). */
export interface Range {
  from: number;
  to: number;
}

/** The range of so many hours from an instant on, all of it for 0. */
export function rangeOf(plan: PlanDocument, nowMs: number, hours: number): Range {
  if (hours <= 0) return { from: 0, to: plan.count };
  const step = plan.step_s * 1000;
  const now = Math.floor((nowMs - plan.start_ms) / step);
  const wide = Math.min(plan.count, Math.max(1, Math.round((hours * 3600) / plan.step_s)));
  const from = Math.min(Math.max(0, now), plan.count - wide);
  return { from, to: from + wide };
}

/** Where an interval's start stands between two edges, px. */
export function xOf(interval: number, range: Range, left: number, right: number): number {
  return left + ((interval - range.from) / (range.to - range.from)) * (right - left);
}

/** The interval at a place between two edges. */
export function intervalAt(x: number, range: Range, left: number, right: number): number {
  const at = range.from + ((x - left) / (right - left)) * (range.to - range.from);
  return Math.min(range.to - 1, Math.max(range.from, Math.floor(at)));
}

/** The nearest row of a device from a row on, downwards first (or upwards). */
export function deviceRow(rows: readonly Row[], from: number, step: 1 | -1): number {
  for (const way of [step, -step]) {
    for (let row = from; row >= 0 && row < rows.length; row += way) {
      if (rows[row]!.device) return row;
    }
  }
  return -1;
}

/** The cell a key leads to; null when the key is not for moving. */
export function moved(
  key: string,
  cell: Cell,
  rows: readonly Row[],
  range: Range,
  page: number,
): Cell | null {
  const clampX = (interval: number) => Math.min(range.to - 1, Math.max(range.from, interval));
  const toRow = (row: number, step: 1 | -1): Cell => {
    const bounded = Math.min(rows.length - 1, Math.max(0, row));
    return { ...cell, row: deviceRow(rows, bounded, step) };
  };
  switch (key) {
    case "ArrowLeft":
      return { ...cell, interval: clampX(cell.interval - 1) };
    case "ArrowRight":
      return { ...cell, interval: clampX(cell.interval + 1) };
    case "ArrowUp":
      return toRow(cell.row - 1, -1);
    case "ArrowDown":
      return toRow(cell.row + 1, 1);
    case "PageUp":
      return toRow(cell.row - page, -1);
    case "PageDown":
      return toRow(cell.row + page, 1);
    case "Home":
      return { ...cell, interval: range.from };
    case "End":
      return { ...cell, interval: range.to - 1 };
    default:
      return null;
  }
}

/** The span an interval lies in, if the device is on. */
export function spanAt(device: PlanDevice, interval: number): [number, number, boolean] | undefined {
  return device.spans.find(([first, end]) => first <= interval && interval < end);
}

/** Intervals whose start is a whole hour in a zone, thinned to every so many hours. */
export function ticks(plan: PlanDocument, range: Range, zone: string, mostTicks: number): number[] {
  const hours = (range.to - range.from) * (plan.step_s / 3600);
  const every = [1, 2, 3, 4, 6, 12, 24].find((step) => hours / step <= mostTicks) ?? 24;
  const form = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const found: number[] = [];
  for (let interval = range.from; interval < range.to; interval++) {
    const text = form.format(plan.start_ms + interval * plan.step_s * 1000);
    const [hour, minute] = text.split(":").map(Number) as [number, number];
    if (minute === 0 && hour % every === 0) found.push(interval);
  }
  return found;
}
