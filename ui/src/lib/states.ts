// What a device or site is doing: a word, a colour and a shape, so that colour alone tells nothing.

export type Shape = "dot" | "ring" | "up" | "down" | "square" | "diamond" | "cross" | "gap" | "half";

export interface Look {
  word: string;
  shape: Shape;
  /** Name of a CSS custom property. */
  colour: string;
}

const LOOKS: Record<string, Look> = {
  idle: { word: "idle", shape: "ring", colour: "--state-idle" },
  starting: { word: "starting", shape: "half", colour: "--state-starting" },
  warming: { word: "warming up", shape: "half", colour: "--state-starting" },
  running: { word: "running", shape: "up", colour: "--state-running" },
  charging: { word: "charging", shape: "down", colour: "--state-charging" },
  cooling: { word: "cooling down", shape: "square", colour: "--state-cooling" },
  backup: { word: "on local backup", shape: "diamond", colour: "--state-backup" },
  fault: { word: "fault", shape: "cross", colour: "--state-fault" },
  locked: { word: "locked", shape: "cross", colour: "--state-fault" },
  silent: { word: "silent", shape: "gap", colour: "--state-silent" },
  unknown: { word: "unknown", shape: "gap", colour: "--state-silent" },
};

const FALLBACK: Look = { word: "unknown", shape: "gap", colour: "--state-silent" };

/** How a state looks; one nobody has heard of looks unknown, with its own name. */
export function look(state: string): Look {
  return LOOKS[state] ?? { ...FALLBACK, word: state || "unknown" };
}

/** Order in which device types are stacked and listed, from steady to fleeting. */
export const TYPES = [
  "engine",
  "emergency_generator",
  "microturbine",
  "fuel_cell",
  "wind_turbine",
  "photovoltaic",
  "battery",
  "flywheel",
  "smes",
] as const;

/** CSS custom property of a device type's colour. */
export function typeColour(type: string): string {
  return `--type-${type.replaceAll("_", "-")}`;
}
