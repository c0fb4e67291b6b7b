// Who has seen to which alarm: asked for now and then, and at once after somebody here did.

import { get, newKey, post } from "../lib/api";
import type { AlarmRow } from "../lib/types";
import type { Acknowledged } from "./alarms";

interface Ack {
  alarm: string;
  actor: string;
  at_ms: number;
  note: string;
}

/** Time between two looks, ms. */
const EVERY_MS = 5_000;

class Acks {
  #found = $state.raw(new Map<string, Ack>());
  #watchers = 0;
  #timer = 0;

  /** Keep up to date until the function returned is called. */
  watch(): () => void {
    this.#watchers += 1;
    if (this.#watchers === 1) {
      this.look();
      this.#timer = window.setInterval(() => this.look(), EVERY_MS);
    }
    return () => {
      this.#watchers -= 1;
      if (this.#watchers === 0) window.clearInterval(this.#timer);
    };
  }

  /** Ask now. */
  look(): void {
    get<{ acks: Ack[] }>("/acks").then(
      ({ acks }) => {
        this.#found = new Map(acks.map((ack) => [ack.alarm, ack]));
      },
      // A cut line is told by the frame; what was known stays.
      () => undefined,
    );
  }

  /** Alarms with who looks after them; one that came again starts anew. */
  join<Row extends AlarmRow>(alarms: readonly Row[]): (Row & Acknowledged)[] {
    return alarms.map((alarm) => {
      const ack = this.#found.get(alarm.id);
      if (!ack || ack.at_ms < alarm.since_ms) return alarm;
      return { ...alarm, acked_by: ack.actor, acked_ms: ack.at_ms, acked_note: ack.note };
    });
  }

  /** Say that an alarm is seen to. */
  async take(alarm: string, note: string): Promise<void> {
    await post(`/alarms/${encodeURIComponent(alarm)}/ack`, { note }, newKey());
    this.look();
  }
}

export const acks = new Acks();
