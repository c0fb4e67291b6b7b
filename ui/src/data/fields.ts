// A form out of a device's JSON Schema: one field for each value, with its unit, limits and help.

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string;
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  enum?: string[];
  const?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  readOnly?: boolean;
  "x-unit"?: string;
}

export type Kind = "number" | "integer" | "flag" | "choice" | "text" | "words" | "points";

export interface Field {
  path: string;
  /** First name of the path, when the value is inside a block. */
  group: string;
  label: string;
  help: string;
  unit: string;
  kind: Kind;
  choices: string[];
  /** "above 0, at most 10,000"; empty without limits. */
  limits: string;
  optional: boolean;
  readOnly: boolean;
  /** Columns of a list of points. */
  columns: Field[];
}

export type Value = string | boolean | string[][];

function resolved(schema: Schema, root: Schema): { schema: Schema; optional: boolean } {
  let found = schema;
  let optional = false;
  for (let depth = 0; depth < 5; depth += 1) {
    if (found.anyOf) {
      optional ||= found.anyOf.some((one) => one.type === "null");
      const inner = found.anyOf.find((one) => one.type !== "null");
      found = { ...inner, ...without(found, "anyOf") };
    } else if (found.allOf?.[0]) {
      found = { ...found.allOf[0], ...without(found, "allOf") };
    } else if (found.$ref) {
      const name = found.$ref.split("/").at(-1) ?? "";
      found = { ...root.$defs?.[name], ...without(found, "$ref") };
    } else break;
  }
  return { schema: found, optional };
}

function without(schema: Schema, name: keyof Schema): Schema {
  const { [name]: _, ...rest } = schema;
  return rest;
}

function limitsOf(schema: Schema): string {
  const parts: string[] = [];
  const show = (value: number): string => value.toLocaleString("en-US");
  if (schema.exclusiveMinimum !== undefined) parts.push(`above ${show(schema.exclusiveMinimum)}`);
  if (schema.minimum !== undefined) parts.push(`at least ${show(schema.minimum)}`);
  if (schema.exclusiveMaximum !== undefined) parts.push(`below ${show(schema.exclusiveMaximum)}`);
  if (schema.maximum !== undefined) parts.push(`at most ${show(schema.maximum)}`);
  return parts.join(", ");
}

/** Words from a name, its unit left out: it stands beside the value. */
export function labelOf(name: string): string {
  const bare = name.replace(/(_usd_per_kwh|_usd|_kwh|_kw|_m_per_s|_per_h|_s|_h)$/, "");
  const text = bare.replaceAll("_", " ").replace(/^mttf$/, "mean time to failure");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Fields of a schema in its order, those of blocks after their block's name. */
export function fieldsOf(root: Schema, schema: Schema = root, prefix = ""): Field[] {
  const fields: Field[] = [];
  for (const [name, entry] of Object.entries(schema.properties ?? {})) {
    const path = prefix ? `${prefix}.${name}` : name;
    const found = resolved(entry, root);
    const part = found.schema;
    if (part.properties) {
      fields.push(...fieldsOf(root, part, path));
      continue;
    }
    fields.push({
      path,
      group: prefix,
      label: labelOf(name),
      help: part.description ?? "",
      unit: part["x-unit"] ?? "",
      kind: kindOf(part, root),
      choices: part.enum ?? [],
      limits: limitsOf(part),
      optional: found.optional,
      readOnly: part.readOnly === true || part.const !== undefined,
      columns: part.items ? fieldsOf(root, resolved(part.items, root).schema) : [],
    });
  }
  return fields;
}

function kindOf(schema: Schema, root: Schema): Kind {
  if (schema.enum) return "choice";
  if (schema.type === "array") {
    return schema.items && resolved(schema.items, root).schema.properties ? "points" : "words";
  }
  if (schema.type === "boolean") return "flag";
  if (schema.type === "number" || schema.type === "integer") return schema.type;
  return "text";
}

function at(values: Record<string, unknown>, path: string): unknown {
  let found: unknown = values;
  for (const name of path.split(".")) {
    if (typeof found !== "object" || found === null) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

/** A value as its field shows it. */
export function shown(field: Field, values: Record<string, unknown>): Value {
  const value = at(values, field.path);
  if (field.kind === "flag") return value === true;
  if (field.kind === "points") {
    const rows = Array.isArray(value) ? (value as Record<string, unknown>[]) : [];
    return rows.map((row) => field.columns.map((column) => String(row[column.path] ?? "")));
  }
  if (field.kind === "words") return Array.isArray(value) ? value.join(", ") : "";
  return value === null || value === undefined ? "" : String(value);
}

export function same(left: Value | undefined, right: Value | undefined): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** A number as people write it; NaN when it is none. */
function numeric(text: string): number {
  const bare = text.trim().replaceAll(/[\s,](?=\d{3}(\D|$))/g, "");
  return bare === "" ? Number.NaN : Number(bare);
}

/** What is sent for a field; text that is no number is sent as it is, and the center says so. */
export function sent(field: Field, value: Value): unknown {
  const one = (kind: Kind, text: string): unknown => {
    if (kind !== "number" && kind !== "integer") return text;
    const found = numeric(text);
    return Number.isNaN(found) ? text : found;
  };
  if (typeof value === "boolean") return value;
  if (Array.isArray(value)) {
    return value.map((row) =>
      Object.fromEntries(field.columns.map((column, k) => [column.path, one(column.kind, row[k] ?? "")])),
    );
  }
  if (field.kind === "words") return value.split(",").map((word) => word.trim()).filter(Boolean);
  if (value.trim() === "" && field.kind !== "text") return null;
  if (value === "" && field.optional) return null;
  return one(field.kind, value);
}
