import { describe, expect, it } from "vitest";
import { consequence, counted, grouped, MAX_BYTES, unfit, valued, type ChangeRow, type Draft } from "./draft";
import { fieldsOf, labelOf, sent, shown, type Schema } from "./fields";

const schema: Schema = {
  $defs: {
    Permit: {
      properties: {
        permit_class: { $ref: "#/$defs/Class" },
        hours_cap_h: { anyOf: [{ type: "number", minimum: 0 }, { type: "null" }], "x-unit": "h" },
      },
    },
    Class: { enum: ["a", "b"], type: "string" },
    Point: { properties: { load_fraction: { type: "number" }, fuel_per_h: { type: "number" } } },
  },
  properties: {
    id: { type: "string", readOnly: true },
    rated_kw: { type: "number", exclusiveMinimum: 0, maximum: 10000, "x-unit": "kW" },
    permit: { $ref: "#/$defs/Permit", description: "what it may" },
    fuel_curve: { type: "array", items: { $ref: "#/$defs/Point" } },
    must_run: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
  },
};
const fields = fieldsOf(schema);
const field = (path: string) => fields.find((one) => one.path === path)!;

describe("a form out of a schema", () => {
  it("has every value with unit and limits, blocks unfolded", () => {
    expect(fields.map((one) => one.path)).toEqual([
      "id",
      "rated_kw",
      "permit.permit_class",
      "permit.hours_cap_h",
      "fuel_curve",
      "must_run",
      "tags",
    ]);
    expect(field("rated_kw")).toMatchObject({ unit: "kW", limits: "above 0, at most 10,000", kind: "number" });
    expect(field("permit.hours_cap_h")).toMatchObject({ optional: true, unit: "h", group: "permit" });
    expect(field("permit.permit_class").choices).toEqual(["a", "b"]);
    expect(field("id").readOnly).toBe(true);
    expect(labelOf("hours_cap_h")).toBe("Hours cap");
  });
  it("sends back what it shows", () => {
    const values = {
      rated_kw: 12.5,
      permit: { permit_class: "a", hours_cap_h: null },
      fuel_curve: [{ load_fraction: 0.5, fuel_per_h: 3 }],
      must_run: true,
      tags: ["one", "two"],
    };
    for (const [path, wanted] of [
      ["rated_kw", 12.5],
      ["permit.hours_cap_h", null],
      ["fuel_curve", values.fuel_curve],
      ["must_run", true],
      ["tags", ["one", "two"]],
    ] as const) {
      expect(sent(field(path), shown(field(path), values))).toEqual(wanted);
    }
    expect(sent(field("rated_kw"), "1,250")).toBe(1250);
    expect(sent(field("rated_kw"), "1,25")).toBe("1,25");
    expect(sent(field("rated_kw"), "much")).toBe("much");
  });
});

describe("a draft in words", () => {
  it("refuses what cannot be right before it is sent", () => {
    expect(unfit("fleet", "a.yaml", 10)).toBe("");
    expect(unfit("fleet", "a.csv", 10)).toContain(".yaml");
    expect(unfit("meters", "a.csv", MAX_BYTES + 1)).toContain("64 MiB");
    expect(unfit("prices", "a.csv", 0)).toContain("empty");
  });
  it("groups rows of one thing and names values with units", () => {
    const row = (id: string, path: string): ChangeRow => ({
      kind: "device", id, what: "changed", path, old: "1", new: "2", unit: "kW",
    });
    const groups = grouped([row("a", "x"), row("a", "y"), row("b", "x")]);
    expect(groups.map((one) => one.rows.length)).toEqual([2, 1]);
    expect(valued("1500", "kW")).toBe("1500 kW");
    expect(valued("15000", "kW")).toBe("15,000 kW");
    expect(valued("", "kW")).toBe("–");
    expect(counted({ kind: "device", added: 2, removed: 0, changed: 1 })).toBe("2 added, 1 changed");
  });
  it("says what confirming means in numbers", () => {
    const draft = {
      difference: {
        counts: [{ kind: "device", added: 0, removed: 1, changed: 0 }],
        capacity: [
          {
            type: "total", count_before: 3, count_after: 2, rated_before_kw: 0, rated_after_kw: 0,
            deliverable_before_kw: 500, deliverable_after_kw: 300, firm_before_kw: 200, firm_after_kw: 100,
          },
        ],
      },
    } as unknown as Draft;
    expect(consequence(draft).join(" ")).toContain("500 kW → 300 kW");
  });
});
