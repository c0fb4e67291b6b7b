// Filters with order and columns under a name: some that come along, and the person's own.

import { DEFAULT_COLUMNS } from "./columns";

export interface SavedView {
  name: string;
  filter: string;
  sort: string;
  columns?: string[];
}

export const GIVEN: readonly SavedView[] = [
  { name: "All devices", filter: "", sort: "id" },
  { name: "Needs a look", filter: "alarm:yes", sort: "-alarm" },
  { name: "Running engines", filter: "type:generator state:on", sort: "-power" },
  { name: "Low on fuel", filter: "fuel<40%", sort: "fuel%" },
  { name: "Permit nearly used", filter: "permit<10h", sort: "permit" },
  { name: "Stores", filter: "type:store", sort: "energy%" },
  { name: "Silent or old values", filter: "quality:stale,bad", sort: "-age" },
  { name: "Held by an operator", filter: "override:yes", sort: "id" },
];

const VIEWS = "gridmuster-fleet-views";
const COLUMNS = "gridmuster-fleet-columns";

function read<T>(key: string, fallback: T, fits: (value: unknown) => boolean): T {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    return fits(value) ? (value as T) : fallback;
  } catch {
    return fallback;
  }
}

function isView(value: unknown): boolean {
  const view = value as SavedView | null;
  return (
    typeof view === "object" &&
    typeof view?.name === "string" &&
    typeof view.filter === "string" &&
    typeof view.sort === "string"
  );
}

class Views {
  own = $state.raw<SavedView[]>(
    read(VIEWS, [], (value) => Array.isArray(value) && value.every(isView)),
  );
  columns = $state.raw<string[]>(
    read(COLUMNS, [...DEFAULT_COLUMNS], (value) => Array.isArray(value) && value.length > 0),
  );

  /** Keep a view; one of the same name is replaced. */
  save(view: SavedView): void {
    this.own = [...this.own.filter((other) => other.name !== view.name), view].sort((a, b) =>
      a.name.localeCompare(b.name),
    );
    localStorage.setItem(VIEWS, JSON.stringify(this.own));
  }

  forget(name: string): void {
    this.own = this.own.filter((view) => view.name !== name);
    localStorage.setItem(VIEWS, JSON.stringify(this.own));
  }

  choose(columns: readonly string[]): void {
    this.columns = [...columns];
    localStorage.setItem(COLUMNS, JSON.stringify(this.columns));
  }
}

export const views = new Views();
