// The rows in view, fetched as they are scrolled to and again every two seconds.

import { ApiError, get } from "../lib/api";
import type { FilterFault, TableRow, TableWindow } from "./types";

/** Time between two looks, ms. */
const EVERY_MS = 2000;
/** Rows fetched on either side of what is in view. */
const MARGIN = 60;
/** Most rows the center gives at once. */
const MOST = 500;

export class FleetTable {
  /** What the center answered last; its rows are in `rows` by their place. */
  head = $state.raw<TableWindow | null>(null);
  rows = $state.raw(new Map<number, TableRow>());
  /** What is wrong with the filter; the rows are then those of the last one that could be read. */
  fault = $state.raw<FilterFault | null>(null);
  trouble = $state.raw<unknown>(null);
  paused = $state(false);

  #filter = "";
  #sort = "id";
  #first = 0;
  #count = 40;
  #flight: AbortController | null = null;
  #again = false;
  #timer = 0;
  /** The last answer that held any rows: what is shown while the filter cannot be read. */
  #kept: { head: TableWindow; rows: Map<number, TableRow> } | null = null;

  start(): void {
    this.#timer = window.setInterval(() => {
      if (!this.paused && document.visibilityState === "visible" && !this.fault) void this.load();
    }, EVERY_MS);
  }

  stop(): void {
    window.clearInterval(this.#timer);
    this.#flight?.abort();
    this.#flight = null;
  }

  /** Ask for other rows, from the start. */
  ask(filter: string, sort: string): void {
    this.#filter = filter;
    this.#sort = sort;
    this.#flight?.abort();
    this.#flight = null;
    void this.load();
  }

  /** Tell which rows are in view. */
  show(first: number, count: number): void {
    this.#first = first;
    this.#count = count;
    const total = this.head?.total ?? 0;
    const last = Math.min(first + count, total) - 1;
    if (last >= first && !(this.rows.has(first) && this.rows.has(last))) void this.load();
  }

  async load(): Promise<void> {
    if (this.#flight) {
      this.#again = true;
      return;
    }
    const flight = new AbortController();
    this.#flight = flight;
    const limit = Math.min(MOST, this.#count + 2 * MARGIN);
    const query = new URLSearchParams({
      filter: this.#filter,
      sort: this.#sort,
      offset: String(Math.max(0, this.#first - MARGIN)),
      limit: String(limit),
    });
    try {
      const head = await get<TableWindow>(`/table?${query}`, flight.signal);
      if (flight.signal.aborted) return;
      this.rows = new Map(head.rows.map((row, n) => [head.offset + n, row]));
      this.head = head;
      if (head.total) this.#kept = { head, rows: this.rows };
      this.fault = null;
      this.trouble = null;
    } catch (error) {
      if (flight.signal.aborted) return;
      this.#failed(error);
    }
    this.#flight = null;
    if (this.#again) {
      this.#again = false;
      this.show(this.#first, this.#count);
    }
  }

  #failed(error: unknown): void {
    const faults = error instanceof ApiError ? (error.problem.errors as FilterFault[]) : undefined;
    const fault = faults?.find((one) => one.path === "query.filter" && one.position !== undefined);
    this.fault = fault ?? null;
    this.trouble = fault ? null : error;
    if (!fault || this.head?.total) return;
    // Half a filter that could be read may have found nothing; that is no answer to the whole.
    if (this.#kept) ({ head: this.head, rows: this.rows } = this.#kept);
    else void this.#all();
  }

  /** All devices, where a page is opened with a filter that cannot be read. */
  async #all(): Promise<void> {
    try {
      const head = await get<TableWindow>(`/table?${new URLSearchParams({ sort: this.#sort })}`);
      if (!this.fault || this.head) return;
      this.rows = new Map(head.rows.map((row, n) => [n, row]));
      this.head = head;
    } catch (error) {
      this.trouble = error;
    }
  }
}
