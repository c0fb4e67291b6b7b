// The filter as text: completing what is being typed, and switching single terms on and off.

export interface Option {
  /** What stands in the filter when it is taken. */
  text: string;
  about: string;
}

export interface Completion {
  /** Part of the filter that an option replaces. */
  start: number;
  end: number;
  options: Option[];
}

interface Field {
  name: string;
  about: string;
  /** Text that follows the name when it is taken. */
  sign: string;
}

export const FIELDS: readonly Field[] = [
  { name: "type", sign: ":", about: "kind: diesel, gas, solar, wind, battery, …" },
  { name: "state", sign: ":", about: "idle, running, charging, fault, … or on, off" },
  { name: "area", sign: ":", about: "area by id or name" },
  { name: "feeder", sign: ":", about: "feeder of its site by id or name" },
  { name: "site", sign: ":", about: "site by id or name; * stands for anything" },
  { name: "fuel", sign: "<", about: "in the tank: fuel<40% or fuel<200; burns: fuel:diesel" },
  { name: "energy", sign: "<", about: "in a store: energy<20% or energy<50kWh" },
  { name: "power", sign: ">", about: "kW now; below 0 is charging" },
  { name: "setpoint", sign: ">", about: "kW asked for" },
  { name: "rated", sign: ">=", about: "kW on the nameplate" },
  { name: "available", sign: ">", about: "kW it could give now" },
  { name: "load", sign: ">", about: "power as % of rated" },
  { name: "quality", sign: ":", about: "good, estimated, stale, bad" },
  { name: "age", sign: ">", about: "since it was heard: age>60s, age>5min" },
  { name: "alarm", sign: ":", about: "yes, no, critical, or words of the alarm" },
  { name: "override", sign: ":", about: "held by an operator: yes or no" },
  { name: "permit", sign: "<", about: "hours left: permit<10h; class: permit:epa_emergency" },
  { name: "mode", sign: ":", about: "its own switch: auto, manual, off" },
  { name: "order", sign: ":", about: "what it is asked to be: run, stop, none" },
  { name: "run", sign: ">", about: "running hours, h" },
  { name: "tag", sign: ":", about: "word given to it in the fleet file" },
  { name: "reason", sign: ":", about: "words of why it runs" },
  { name: "id", sign: ":", about: "part of its id" },
];

const VALUES: Record<string, readonly (readonly [string, string])[]> = {
  type: [
    ["diesel", "engines that burn diesel"],
    ["gas", "engines that burn natural gas"],
    ["emergency_generator", ""],
    ["engine", ""],
    ["microturbine", ""],
    ["fuel_cell", ""],
    ["photovoltaic", "solar"],
    ["wind_turbine", "wind"],
    ["battery", ""],
    ["flywheel", ""],
    ["smes", "superconducting store"],
    ["store", "batteries, flywheels, smes"],
    ["renewable", "sun and wind"],
  ],
  state: [
    ["idle", ""],
    ["starting", ""],
    ["warming", ""],
    ["running", ""],
    ["charging", "stores that take power in"],
    ["cooling", ""],
    ["fault", ""],
    ["locked", ""],
    ["unknown", ""],
    ["on", "starting, warming, running, charging"],
    ["off", "idle"],
  ],
  quality: [
    ["good", ""],
    ["estimated", ""],
    ["stale", ""],
    ["bad", ""],
  ],
  alarm: [
    ["yes", "any alarm"],
    ["no", "none"],
    ["critical", ""],
    ["warning", ""],
  ],
  override: [
    ["yes", "held by an operator"],
    ["no", ""],
  ],
  mode: [
    ["auto", "obeys the center"],
    ["manual", ""],
    ["off", ""],
    ["unknown", ""],
  ],
  order: [
    ["run", ""],
    ["stop", ""],
    ["emergency_stop", ""],
    ["none", "nothing is asked"],
  ],
  fuel: [
    ["diesel", "burns it"],
    ["natural_gas", "burns it"],
    ["propane", "burns it"],
    ["hydrogen", "burns it"],
  ],
  permit: [
    ["epa_emergency", ""],
    ["epa_non_emergency", ""],
    ["california_emergency", ""],
    ["eu_mcp", ""],
    ["unrestricted", ""],
  ],
};

/** Where the term under the caret starts; blanks in quotes do not end one. */
export function termStart(text: string, caret: number): number {
  let start = 0;
  let quoted = false;
  for (let at = 0; at < caret; at += 1) {
    const sign = text[at];
    if (sign === '"') quoted = !quoted;
    else if (!quoted && /\s/.test(sign ?? "")) start = at + 1;
  }
  return start;
}

/** What could stand at the caret.
 *
 * @param known ids of areas and the like, by field.
 */
export function complete(
  text: string,
  caret: number,
  known: Readonly<Record<string, readonly string[]>> = {},
): Completion | null {
  let start = termStart(text, caret);
  const term = text.slice(start, caret);
  if (term.startsWith("-")) start += 1;
  const body = term.replace(/^-/, "");
  const split = /^([a-z_]+)(<=|>=|<|>|=|:)(.*)$/i.exec(body);
  if (!split) {
    if (/["\s]/.test(body)) return null;
    const typed = body.toLowerCase();
    const options = FIELDS.filter((field) => field.name.startsWith(typed)).map((field) => ({
      text: field.name + field.sign,
      about: field.about,
    }));
    return options.length ? { start, end: caret, options } : null;
  }
  const field = split[1]!.toLowerCase();
  if (split[2] !== ":" && split[2] !== "=") return null;
  const written = split[3]!;
  const typed = written.slice(written.lastIndexOf(",") + 1).toLowerCase();
  const values: readonly (readonly [string, string])[] = [
    ...(VALUES[field] ?? []),
    ...(known[field] ?? []).map((value) => [value, ""] as const),
  ];
  const fits = values.filter(([value]) => value.startsWith(typed) && value !== typed);
  if (!fits.length) return null;
  return {
    start: caret - typed.length,
    end: caret,
    options: fits.slice(0, 12).map(([value, about]) => ({ text: quote(value), about })),
  };
}

/** A value as it stands in a filter: in quotes when it has blanks or commas in it. */
export function quote(value: string): string {
  return /[\s,"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
}

/** Put an option in place; a value is followed by a blank, a field by what comes next. */
export function take(text: string, completion: Completion, option: Option): [string, number] {
  const open = /[:<>=]$/.test(option.text);
  const rest = text.slice(completion.end);
  const gap = open || /^[\s,]/.test(rest) ? "" : " ";
  const before = text.slice(0, completion.start) + option.text + gap;
  return [before + rest, before.length];
}

/** The terms of a filter as they stand. */
export function terms(text: string): string[] {
  return text.match(/(?:"[^"]*"?|[^\s"])+/g) ?? [];
}

/** Whether a field is held to exactly one value. */
export function has(text: string, field: string, value: string): boolean {
  return terms(text).includes(`${field}:${value}`);
}

/** Hold a field to one value, or let it go when it is held to that. */
export function toggle(text: string, field: string, value: string): string {
  const rest = terms(text).filter((term) => !term.startsWith(`${field}:`));
  if (!has(text, field, value)) rest.push(`${field}:${value}`);
  return rest.join(" ");
}
