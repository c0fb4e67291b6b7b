// Looks at past moments: one question at a time on the line, the latest wish wins.

import { ApiError, get } from "../lib/api";
import type { Moment, Span, Trend } from "./past";

/** Shortest time between two questions while a slider moves, ms of real time. */
const PACE_MS = 120;
/** Wait before asking again for a moment that is being rebuilt, ms. */
const AGAIN_MS = 150;
/** Time without a move after which the chart is asked for, ms. */
const SETTLE_MS = 250;
/** How far the chart reaches back, and its step, ms. */
const BACK_MS = 6 * 3_600_000;
const STEP_MS = 60_000;
/** Time between two looks at how far the journal reaches, ms; the first while marks come in. */
const MARKS_MS = 1_000;
const SPAN_MS = 10_000;
/** Points of the line under the slider. */
const PROFILE_POINTS = 160;

/** One reading of the journal, for as long as its page is open. */
export class Looking {
  span = $state.raw<Span | null>(null);
  /** The instant wished for, ms of plant time. */
  at_ms = $state(0);
  /** What the center answered last; perhaps of an earlier wish. */
  moment = $state.raw<Moment | null>(null);
  /** The last answer that was complete. */
  exact = $state.raw<Moment | null>(null);
  trend = $state.raw<{ doc: Trend; start_ms: number; count: number } | null>(null);
  profile = $state.raw<Trend | null>(null);
  error = $state.raw<unknown>(null);

  #viewer = crypto.randomUUID();
  #stop: AbortController | null = null;
  #sent = -Infinity;
  #pace = 0;
  #again = 0;
  #settle = 0;
  #watch = 0;
  #profileKey = "";
  #closed = false;

  /** Begin; looks at an instant, or at the journal's end when none is named. */
  async open(atMs: number | null): Promise<void> {
    await this.#look();
    if (this.span && !this.#closed) this.go(atMs ?? this.span.last_ms);
  }

  close(): void {
    this.#closed = true;
    this.#stop?.abort();
    for (const timer of [this.#pace, this.#again, this.#settle, this.#watch]) window.clearTimeout(timer);
  }

  /** Look at an instant; never outside of the journal. */
  go(atMs: number): void {
    if (!this.span) return;
    this.at_ms = Math.round(Math.min(Math.max(atMs, this.span.first_ms), this.span.last_ms));
    window.clearTimeout(this.#pace);
    window.clearTimeout(this.#again);
    const wait = Math.max(0, this.#sent + PACE_MS - performance.now());
    this.#pace = window.setTimeout(() => void this.#ask(), wait);
    window.clearTimeout(this.#settle);
    this.#settle = window.setTimeout(() => void this.#chart(), SETTLE_MS);
  }

  /** Whether what is shown belongs to the instant wished for. */
  get settled(): boolean {
    return this.exact?.asked_ms === this.at_ms;
  }

  /** Read the line under the slider for a part of the journal. */
  async sketch(fromMs: number, untilMs: number): Promise<void> {
    const key = `${fromMs} ${untilMs}`;
    if (key === this.#profileKey || untilMs <= fromMs) return;
    this.#profileKey = key;
    const query = new URLSearchParams({
      from_ms: String(fromMs),
      until_ms: String(untilMs),
      points: String(PROFILE_POINTS),
      viewer: `${this.#viewer.slice(0, 36)} sketch`,
    });
    const found = await get<Trend>(`/past/trend?${query}`).catch(() => null);
    if (found && key === this.#profileKey) this.profile = found;
  }

  async #look(): Promise<void> {
    try {
      this.span = await get<Span>(`/past/span?viewer=${this.#viewer}`);
      if (this.error instanceof ApiError && this.error.problem.status !== 0) this.error = null;
    } catch (error) {
      this.error = error;
    }
    if (this.#closed) return;
    const wait = this.span && !this.span.marks_complete ? MARKS_MS : SPAN_MS;
    this.#watch = window.setTimeout(() => void this.#look(), wait);
  }

  async #ask(): Promise<void> {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    this.#sent = performance.now();
    const wish = this.at_ms;
    try {
      const query = new URLSearchParams({ at_ms: String(wish), viewer: this.#viewer });
      const found = await get<Moment>(`/past?${query}`, stop.signal);
      if (stop.signal.aborted) return;
      this.error = null;
      this.moment = found;
      if (found.exact) this.exact = found;
      else if (!found.failed) this.#again = window.setTimeout(() => void this.#ask(), AGAIN_MS);
    } catch (error) {
      if (!stop.signal.aborted && !this.#closed) this.error = error;
    }
  }

  async #chart(): Promise<void> {
    const until = Math.floor(this.at_ms / STEP_MS) * STEP_MS;
    const count = BACK_MS / STEP_MS;
    const start = until - count * STEP_MS;
    if (this.trend?.start_ms === start) return;
    const query = new URLSearchParams({
      from_ms: String(Math.max(0, start)),
      until_ms: String(until),
      points: String(count + 1),
      viewer: this.#viewer,
    });
    const doc = await get<Trend>(`/past/trend?${query}`).catch(() => null);
    if (doc && !this.#closed) this.trend = { doc, start_ms: start, count };
  }
}
