// Why a device does what it does, in plain words, from what the center recorded.

import { duration, power, words } from "../lib/format";
import type { DeviceDossier } from "./types";

const RENEWABLE = new Set(["photovoltaic", "wind_turbine"]);
const ON = new Set(["starting", "warming", "running"]);

export interface Why {
  text: string;
  tone: "good" | "warn" | "bad" | "plain";
  /** Since when, ms; null: not known. */
  since_ms: number | null;
}

/** The reason that counts most: a fault, a person's hold, then the center's own. */
export function why(dossier: DeviceDossier): Why {
  const { device, account } = dossier;
  const on = ON.has(device.state);
  const since_ms = account?.on_since_ms ?? null;
  if (account?.failure) {
    const until = account.retry_ms === null ? "until it is reset" : "for a while";
    return { text: `Left alone ${until}: ${account.failure}.`, tone: "bad", since_ms: account.failed_ms };
  }
  if (device.override) {
    return { text: `Held by an operator: ${device.override}.`, tone: "warn", since_ms: null };
  }
  if (device.mode === "manual" || device.mode === "off") {
    return {
      text: `Its own switch is at ${device.mode}: the center cannot command it.`,
      tone: "warn",
      since_ms: null,
    };
  }
  if (device.quality === "stale" || device.quality === "bad") {
    const heard = device.age_s > 1e8 ? "Never heard of" : `Silent for ${duration(device.age_s)}`;
    return {
      text: `${heard}: what it does now is not known. All below is as last heard.`,
      tone: "warn",
      since_ms: null,
    };
  }
  if (device.state === "fault" || device.state === "locked") {
    const told = device.alarms.length ? `: its controller says ${device.alarms.join(", ")}` : "";
    const next = device.state === "locked" ? "Locked until it is reset" : "In fault";
    return { text: `${next}${told}.`, tone: "bad", since_ms };
  }
  const reason = said(device.reason, device.id);
  if (RENEWABLE.has(device.type)) return { text: renewable(dossier), tone: "plain", since_ms };
  if (device.energy_capacity_kwh !== null) return { text: store(dossier), tone: "plain", since_ms };
  if (on && reason) return { text: sentence(reason), tone: "good", since_ms };
  if (on) {
    return {
      text: "It was on before this center saw it, and no reason is on record.",
      tone: "plain",
      since_ms,
    };
  }
  if (device.state === "idle") {
    return {
      text: reason ? `Not needed now. Last: ${reason}.` : "Not needed now; it has not been called.",
      tone: "plain",
      since_ms,
    };
  }
  return { text: reason ? sentence(reason) : `It is ${words(device.state)}.`, tone: "plain", since_ms };
}

/** What the center says of a device, without the device's own name. */
export function said(text: string, id: string): string {
  return text.startsWith(`${id} `) ? text.slice(id.length + 1) : text;
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!]$/.test(whole) ? whole : `${whole}.`;
}

function renewable({ device }: DeviceDossier): string {
  const source = device.type === "photovoltaic" ? "sun" : "wind";
  if (device.setpoint_kw === null || device.setpoint_kw >= device.available_kw) {
    return `Gives what the ${source} allows: ${power(device.available_kw, device.rated_kw)} now.`;
  }
  return `Held at ${power(device.setpoint_kw, device.rated_kw)} of ${power(device.available_kw, device.rated_kw)} that the ${source} would allow.`;
}

function store({ device, promise }: DeviceDossier): string {
  if (device.power_kw < -0.05) return `Charging, as planned for the hours ahead.`;
  if (device.power_kw > 0.05) {
    const left = promise?.hours_to_floor;
    const lasts = left === null || left === undefined ? "" : `; lasts ${duration(left * 3600)} at this power`;
    return `Giving power back${lasts}.`;
  }
  return "At rest: neither charging nor giving power.";
}
