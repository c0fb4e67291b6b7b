// The live picture: one stream for the whole page, merged row by row, with its age.

import { get } from "./api";
import type {
  AlarmRow,
  AreaRow,
  CommandRow,
  DecisionRow,
  DeviceRow,
  ForecastRow,
  Message,
  PlanRow,
  PlantHead,
} from "./types";

interface Rows {
  balance: AreaRow;
  forecast: ForecastRow;
  alarms: AlarmRow;
  decisions: DecisionRow;
  commands: CommandRow;
  devices: DeviceRow;
  plans: PlanRow;
}

export type Topic = keyof Rows;

/** What every page shows; the rest is asked for by the pages that need it. */
const ALWAYS: readonly Topic[] = ["balance", "forecast", "alarms", "decisions"];
/** Without a word for so long the line is dead, ms: the center speaks at least every 10 s. */
const SILENCE_MS = 25_000;
/** Real time between two attempts to open the stream anew, ms. */
const RETRY_MS = 2_000;
/** Shortest time between two editions, s: faster than people read, slower than the center. */
const EVERY_S = 0.5;
/** From this age on the picture is called old, ms of real time. */
export const OLD_MS = 8_000;

function keyOf(topic: Topic, row: Rows[Topic]): string {
  if (topic === "commands") {
    const one = row as CommandRow;
    return `${one.id} ${one.device}`;
  }
  if (topic === "decisions") {
    const one = row as DecisionRow;
    return `${one.at_ms} ${one.device} ${one.kind}`;
  }
  return (row as AreaRow).id;
}

class Plant {
  head = $state.raw<PlantHead | null>(null);
  balance = $state.raw<AreaRow[]>([]);
  forecast = $state.raw<ForecastRow[]>([]);
  alarms = $state.raw<AlarmRow[]>([]);
  decisions = $state.raw<DecisionRow[]>([]);
  commands = $state.raw<CommandRow[]>([]);
  devices = $state.raw<DeviceRow[]>([]);
  plans = $state.raw<PlanRow[]>([]);
  /** Real time since the last word from the center, ms; grows while the line is cut. */
  age_ms = $state(0);
  connected = $state(false);
  /** Whether nobody follows the center: before the start, and after the end of the session. */
  stopped = $state(true);

  /** Whether the picture is too old to be believed: what is so now is then not known. */
  get old(): boolean {
    return this.stopped || this.age_ms > OLD_MS;
  }

  #maps = new Map<Topic, Map<string, unknown>>();
  #touched = new Set<Topic>();
  #wanted = new Map<Topic, number>();
  #source: EventSource | null = null;
  #heard = 0;
  #timer = 0;
  #restart = 0;

  /** Follow the center until `stop`. */
  start(): void {
    this.#word();
    this.stopped = false;
    this.#open();
    this.#timer = window.setInterval(() => this.#look(), 500);
  }

  stop(): void {
    window.clearInterval(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.connected = false;
    this.stopped = true;
  }

  /** Also follow a topic, until the function returned is called. */
  want(topic: Topic): () => void {
    this.#wanted.set(topic, (this.#wanted.get(topic) ?? 0) + 1);
    this.#reopenSoon();
    return () => {
      this.#wanted.set(topic, (this.#wanted.get(topic) ?? 1) - 1);
      this.#reopenSoon();
    };
  }

  /** Also follow a topic that is not made of rows; `take` gets each message as it came. */
  hear(topic: string, take: (data: string) => void): () => void {
    this.#hearers.set(topic, take);
    this.#reopenSoon();
    return () => {
      this.#hearers.delete(topic);
      this.#reopenSoon();
    };
  }

  #hearers = new Map<string, (data: string) => void>();

  #topics(): Topic[] {
    const extra = [...this.#wanted].filter(([, count]) => count > 0).map(([topic]) => topic);
    return [...new Set([...ALWAYS, ...extra])].sort();
  }

  #opened = "";
  #tried = 0;

  #reopenSoon(): void {
    window.clearTimeout(this.#restart);
    this.#restart = window.setTimeout(() => {
      if (this.#source && this.#opened !== this.#asked()) this.#open();
    }, 50);
  }

  #asked(): string {
    return [...this.#topics(), ...[...this.#hearers.keys()].sort()].join();
  }

  #open(): void {
    this.#source?.close();
    const topics = this.#topics();
    this.#opened = this.#asked();
    const source = new EventSource(`/api/v1/stream?topics=${this.#opened}&every_s=${EVERY_S}`);
    this.#source = source;
    source.onopen = () => {
      this.connected = true;
      this.#word();
    };
    source.onerror = () => {
      this.connected = false;
    };
    for (const topic of topics) {
      source.addEventListener(topic, (event) => this.#merge(topic, event.data as string));
    }
    for (const [topic, take] of this.#hearers) {
      source.addEventListener(topic, (event) => {
        take(event.data as string);
        this.#word();
      });
    }
    source.addEventListener("plant", (event) => this.#end(event.data as string));
  }

  #word(): void {
    this.#heard = performance.now();
    this.age_ms = 0;
  }

  #merge(topic: Topic, data: string): void {
    const message = JSON.parse(data) as Message<Rows[Topic]>;
    let rows = this.#maps.get(topic);
    if (!rows || message.full) {
      rows = new Map();
      this.#maps.set(topic, rows);
    }
    for (const key of message.gone) rows.delete(key);
    for (const row of message.changed) rows.set(keyOf(topic, row), row);
    this.#touched.add(topic);
    this.#word();
  }

  #end(data: string): void {
    this.#word();
    for (const topic of this.#touched) {
      const rows = [...(this.#maps.get(topic) ?? new Map()).values()];
      if (topic === "decisions" || topic === "commands") {
        rows.sort((a, b) => (b as DecisionRow).at_ms - (a as DecisionRow).at_ms);
      }
      (this as unknown as Record<Topic, unknown[]>)[topic] = rows;
    }
    this.#touched.clear();
    this.head = JSON.parse(data) as PlantHead;
  }

  #look(): void {
    this.age_ms = performance.now() - this.#heard;
    const dead = this.age_ms > SILENCE_MS;
    const closed = this.#source?.readyState === EventSource.CLOSED;
    const now = performance.now();
    if ((dead || closed) && now - this.#tried > RETRY_MS) {
      this.#tried = now;
      this.connected = false;
      // A stream tells no reason; the session does: asking for it finds out whether it is over.
      void get("/session").then(
        () => this.#open(),
        () => undefined,
      );
    }
  }
}

export const plant = new Plant();
