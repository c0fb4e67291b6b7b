// One device, asked for again every two seconds: all about it, and what is new of its samples.

import { get } from "../lib/api";
import { askAfter, joined } from "./trace";
import type { DeviceDossier, DeviceTrace } from "./types";

const EVERY_MS = 2000;

export class DeviceFile {
  dossier = $state.raw<DeviceDossier | null>(null);
  trace = $state.raw<DeviceTrace | null>(null);
  trouble = $state.raw<unknown>(null);

  #id = "";
  #hours = 6;
  #flight: AbortController | null = null;
  #timer = 0;

  start(): void {
    this.#timer = window.setInterval(() => {
      if (document.visibilityState === "visible" && !this.#flight) void this.#load();
    }, EVERY_MS);
  }

  stop(): void {
    window.clearInterval(this.#timer);
    this.#flight?.abort();
  }

  /** Ask for a device and so many hours of it. */
  ask(id: string, hours: number): void {
    if (id !== this.#id) {
      this.dossier = null;
      this.trouble = null;
    }
    this.trace = null;
    this.#id = id;
    this.#hours = hours;
    this.#flight?.abort();
    void this.#load();
  }

  async #load(): Promise<void> {
    const flight = new AbortController();
    this.#flight = flight;
    const path = `/devices/${encodeURIComponent(this.#id)}`;
    const after = askAfter(this.trace);
    const known = after ? this.trace : null;
    try {
      const [dossier, trace] = await Promise.all([
        get<DeviceDossier>(`${path}/dossier`, flight.signal),
        get<DeviceTrace>(`${path}/trace?hours=${this.#hours}&after_ms=${after}`, flight.signal),
      ]);
      if (flight.signal.aborted) return;
      this.dossier = dossier;
      this.trace = joined(known, trace);
      this.trouble = null;
    } catch (error) {
      if (flight.signal.aborted) return;
      this.trouble = error;
    }
    this.#flight = null;
  }
}
