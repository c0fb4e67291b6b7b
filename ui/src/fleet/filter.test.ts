import { describe, expect, it } from "vitest";
import { complete, FIELDS, has, quote, take, terms, termStart, toggle } from "./filter";

function options(text: string, known = {}): string[] {
  return complete(text, text.length, known)?.options.map((option) => option.text) ?? [];
}

describe("completing", () => {
  it("offers fields by what is typed, and all where nothing is", () => {
    expect(options("")).toHaveLength(FIELDS.length);
    expect(options("st")).toEqual(["state:"]);
    expect(options("-st")).toEqual(["state:"]);
    expect(options("type:diesel po")).toEqual(["power>"]);
  });
  it("offers values of the field, also after a comma", () => {
    expect(options("state:i")).toEqual(["idle"]);
    expect(options("state:idle,ru")).toEqual(["running"]);
    expect(options("state:idle")).toEqual([]);
    expect(options("area:n", { area: ["north", "south"] })).toEqual(["north"]);
    expect(options("power>1")).toEqual([]);
  });
  it("says nothing inside quotes", () => {
    expect(options('"low fu')).toEqual([]);
    expect(termStart('"a b" c', 7)).toBe(6);
  });
  it("puts an option in place and goes on behind it", () => {
    const text = "type:di power>3";
    const found = complete(text, 7)!;
    expect(take(text, found, found.options[0]!)).toEqual(["type:diesel power>3", 11]);
    const field = complete("-fu", 3)!;
    expect(take("-fu", field, field.options[0]!)).toEqual(["-fuel<", 6]);
    const last = complete("state:idl", 9)!;
    expect(take("state:idl", last, last.options[0]!)).toEqual(["state:idle ", 11]);
  });
});

describe("terms", () => {
  it("are told apart as the center does", () => {
    expect(terms('a "b c" area:"x y",z  -d ')).toEqual(["a", '"b c"', 'area:"x y",z', "-d"]);
  });
  it("are switched on, over and off", () => {
    expect(toggle("pump", "state", "idle")).toBe("pump state:idle");
    expect(toggle("state:idle pump", "state", "fault")).toBe("pump state:fault");
    expect(toggle("pump state:fault", "state", "fault")).toBe("pump");
    expect(has("pump state:fault", "state", "fault")).toBe(true);
    expect(has("state:fault,idle", "state", "fault")).toBe(false);
  });
  it("are quoted where they must be", () => {
    expect(quote("north")).toBe("north");
    expect(quote("north side")).toBe('"north side"');
  });
});
