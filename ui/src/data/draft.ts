// What the center answers to data that was sent, and how it is put in words and groups.

import { duration, number, power, words } from "../lib/format";

export interface FaultRow {
  file: string;
  path: string;
  value: string;
  limit: string;
  expected: string;
  line: number;
}

export interface ChangeRow {
  kind: string;
  id: string;
  what: "added" | "removed" | "changed";
  path: string;
  old: string;
  new: string;
  unit: string;
}

export interface CapacityRow {
  type: string;
  count_before: number;
  count_after: number;
  rated_before_kw: number;
  rated_after_kw: number;
  deliverable_before_kw: number;
  deliverable_after_kw: number;
  firm_before_kw: number;
  firm_after_kw: number;
}

export interface CountRow {
  kind: string;
  added: number;
  removed: number;
  changed: number;
}

export interface Difference {
  rows: ChangeRow[];
  total: number;
  counts: CountRow[];
  capacity: CapacityRow[];
  lines: string[];
}

export interface SeriesRow {
  key: string;
  rows: number;
  first_ms: number;
  last_ms: number;
  step_s: number;
  gaps: number;
  missing: number;
  minimum: number;
  median: number;
  maximum: number;
  unit: string;
  days: number;
  times_ms: number[];
  values: (number | null)[];
}

export interface Draft {
  id: string;
  kind: "fleet" | "meters" | "prices";
  name: string;
  actor: string;
  expires_s: number;
  refusal: string;
  faults: FaultRow[];
  fault_count: number;
  warnings: FaultRow[];
  lines: string[];
  difference: Difference | null;
  series: SeriesRow[];
  series_count: number;
}

/** Largest file that is taken, bytes; the center says the same. */
export const MAX_BYTES = 64 * 1024 * 1024;

export const KINDS = {
  fleet: {
    title: "Fleet file",
    accept: ".yaml,.yml,.json,application/yaml,application/json",
    hint: "YAML or JSON, whole in one file. Checked as at a start; the fleet's id stays.",
    type: "application/yaml",
  },
  meters: {
    title: "Meters",
    accept: ".csv,text/csv",
    hint: "CSV of kW: time, end_user, kw, or time and a column for each end-user.",
    type: "text/csv",
  },
  prices: {
    title: "Prices",
    accept: ".csv,text/csv",
    hint: "CSV of USD/MWh: time, price_usd_per_mwh and, where they differ, area.",
    type: "text/csv",
  },
} as const;

export type Kind = keyof typeof KINDS;

/** Why a file is not even sent; empty: it is. */
export function unfit(kind: Kind, name: string, bytes: number): string {
  if (bytes === 0) return `${name} is empty.`;
  if (bytes > MAX_BYTES) {
    return `${name} has ${number(bytes / 2 ** 20, 1)} MiB; at most ${MAX_BYTES / 2 ** 20} MiB are taken.`;
  }
  const ends = KINDS[kind].accept.split(",").filter((end) => end.startsWith("."));
  if (!ends.some((end) => name.toLowerCase().endsWith(end))) {
    return `${name} does not end in ${ends.join(" or ")}.`;
  }
  return "";
}

/** "2 added, 1 removed" */
export function counted(row: CountRow): string {
  return (["added", "removed", "changed"] as const)
    .filter((what) => row[what] > 0)
    .map((what) => `${number(row[what])} ${what}`)
    .join(", ");
}

export function plural(kind: string, count: number): string {
  return count === 1 || kind === "fleet" ? kind : `${kind}s`;
}

export interface Group {
  kind: string;
  id: string;
  what: ChangeRow["what"];
  rows: ChangeRow[];
}

/** Rows of the same thing together, in the order they came. */
export function grouped(rows: readonly ChangeRow[]): Group[] {
  const groups: Group[] = [];
  for (const row of rows) {
    const last = groups.at(-1);
    if (last && last.kind === row.kind && last.id === row.id && last.what === row.what) {
      last.rows.push(row);
    } else {
      groups.push({ kind: row.kind, id: row.id, what: row.what, rows: [row] });
    }
  }
  return groups;
}

/** A value with its unit; a dash where there is none. */
export function valued(text: string, unit: string): string {
  if (!text) return "–";
  const bare = Number(text);
  const shown = text.trim() !== "" && Number.isFinite(bare) && Math.abs(bare) >= 10_000
    ? bare.toLocaleString("en-US", { maximumFractionDigits: 6 })
    : text;
  return unit && unit !== "share" ? `${shown} ${unit}` : shown;
}

/** What confirming means in numbers, for the second step. */
export function consequence(draft: Draft): string[] {
  if (draft.difference) {
    const total = draft.difference.capacity.find((row) => row.type === "total");
    const lines = draft.difference.counts.map(
      (row) => `${row.kind === "fleet" ? "Fleet's own fields" : words(plural(row.kind, 2))}: ${counted(row)}`,
    );
    if (total) {
      lines.push(
        `Devices ${number(total.count_before)} → ${number(total.count_after)}; deliverable ` +
          `${power(total.deliverable_before_kw)} → ${power(total.deliverable_after_kw)}; firm for 4 h ` +
          `${power(total.firm_before_kw)} → ${power(total.firm_after_kw)}`,
      );
    }
    return lines;
  }
  const days = draft.series.reduce((sum, one) => sum + one.days, 0);
  return [`${number(draft.series_count)} series, ${number(days)} days to learn from`];
}

/** How often values come. */
export function every(stepS: number): string {
  return duration(stepS);
}
