// Follows the last hours of an area: asks for what is new when a minute is complete.

import { get } from "../lib/api";
import { PAST_MS } from "./balance";
import { append, endMs, type TrendDocument } from "./trend";

/** Shortest time between two questions, ms of real time. */
const PAUSE_MS = 4_000;
/** After so long everything is asked for anew: the center fills in its past after a restart. */
const RENEW_MS = 300_000;
const FIRST_RENEW_MS = 20_000;
const HOURS = PAST_MS / 3_600_000;

export class Follow {
  trend = $state.raw<TrendDocument | null>(null);
  error = $state.raw<unknown>(null);

  #area = "";
  #asking = false;
  #asked = -Infinity;
  #renewed = -Infinity;
  #renewals = 0;

  /** Look whether there is something to ask for; call it whenever plant time moved.
   *
   * @param area the area's id; empty for all.
   * @param nowMs plant time, ms.
   */
  look(area: string, nowMs: number): void {
    if (area !== this.#area) {
      this.#area = area;
      this.trend = null;
      this.#asking = false;
      this.#asked = this.#renewed = -Infinity;
    }
    const real = performance.now();
    if (this.#asking || real - this.#asked < PAUSE_MS) return;
    const kept = this.trend;
    const back = kept !== null && nowMs < kept.at_ms;
    const renewMs = this.#renewals < 2 ? FIRST_RENEW_MS : RENEW_MS;
    const all = kept === null || back || real - this.#renewed > renewMs;
    if (!all && nowMs < endMs(kept) + kept.step_s * 1000) return;
    this.#asked = real;
    if (all) {
      this.#renewed = real;
      this.#renewals += 1;
    }
    void this.#ask(area, all ? null : kept);
  }

  async #ask(area: string, kept: TrendDocument | null): Promise<void> {
    this.#asking = true;
    const query = new URLSearchParams({ area, hours: String(HOURS) });
    if (kept) query.set("after_ms", String(endMs(kept)));
    try {
      const more = await get<TrendDocument>(`/trend?${query}`);
      if (area !== this.#area) return;
      this.trend = kept ? append(kept, more, PAST_MS) : more;
      this.error = null;
    } catch (error) {
      if (area === this.#area) this.error = error;
    } finally {
      if (area === this.#area) this.#asking = false;
    }
  }
}
