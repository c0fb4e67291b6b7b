// The table's columns: what they are called, how they are sorted, how wide they are.

export interface Column {
  key: string;
  title: string;
  /** Longer, for the chooser and for screen readers. */
  about: string;
  /** The server's word for sorting by it. */
  sort?: string;
  /** px */
  width: number;
  /** How much it takes of the width that is left, beside the others that do; absent: none. */
  grows?: number;
  number?: boolean;
}

export const COLUMNS: readonly Column[] = [
  { key: "state", title: "State", about: "what it does", sort: "state", width: 112 },
  { key: "id", title: "Device", about: "its id", sort: "id", width: 212, grows: 1 },
  { key: "type", title: "Type", about: "kind of device", sort: "type", width: 176 },
  { key: "site", title: "Site", about: "where it stands", sort: "site", width: 150 },
  { key: "area", title: "Area", about: "the area it lies in", sort: "area", width: 54 },
  { key: "feeder", title: "Feeder", about: "the feeder that its site is on", sort: "feeder", width: 96 },
  { key: "power", title: "Power", about: "power now", sort: "power", width: 104, number: true },
  { key: "setpoint", title: "Setpoint", about: "power asked for", sort: "setpoint", width: 104, number: true },
  { key: "load", title: "Load", about: "power as a share of rated", sort: "load", width: 70, number: true },
  { key: "rated", title: "Rated", about: "nameplate power", sort: "rated", width: 102, number: true },
  { key: "available", title: "Available", about: "most it could give now", sort: "available", width: 102, number: true },
  { key: "level", title: "Fuel, energy", about: "share of the full tank, or of a store's capacity", sort: "level", width: 118, number: true },
  { key: "fuel", title: "Fuel", about: "share of the full tank", sort: "fuel%", width: 116, number: true },
  { key: "energy", title: "Energy", about: "share of a store's capacity", sort: "energy%", width: 116, number: true },
  { key: "permit", title: "Permit left", about: "hours its permit still allows", sort: "permit", width: 100, number: true },
  { key: "run", title: "Run hours", about: "running hours", sort: "run", width: 96, number: true },
  { key: "age", title: "Heard", about: "age of its values", sort: "age", width: 106, number: true },
  { key: "mode", title: "Switch", about: "its controller's own mode switch", sort: "mode", width: 86 },
  { key: "order", title: "Order", about: "what it is asked to be", sort: "order", width: 116 },
  { key: "override", title: "Held", about: "an operator's hold", sort: "override", width: 150 },
  { key: "why", title: "Alarm or reason", about: "what is wrong, or why it runs", sort: "alarm", width: 128, grows: 2 },
];

export const DEFAULT_COLUMNS: readonly string[] = [
  "state",
  "id",
  "type",
  "area",
  "power",
  "setpoint",
  "level",
  "age",
  "why",
];

/** Columns by key, in their own order; unknown keys are left out, the id always stays. */
export function chosen(keys: readonly string[]): Column[] {
  return COLUMNS.filter((column) => column.key === "id" || keys.includes(column.key));
}

/** The other way round, or by this column: numbers from the highest, words from A. */
export function nextSort(sort: string, column: Column): string {
  const key = column.sort ?? "id";
  if (sort === key) return `-${key}`;
  if (sort === `-${key}`) return key;
  return column.number || key === "alarm" || key === "override" ? `-${key}` : key;
}
