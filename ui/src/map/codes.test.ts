import { describe, expect, it } from "vitest";
import { countsOf, merged, STATES } from "./codes";

describe("merged", () => {
  it("takes all codes, then changes by their gaps", () => {
    let codes = merged(new Uint8Array(), { order: "a", full: true, gaps: [], codes: "012345670" });
    expect([...codes]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0]);
    codes = merged(codes, { order: "a", full: false, gaps: [0, 3, 5], codes: "765" });
    expect([...codes]).toEqual([7, 1, 2, 6, 4, 5, 6, 7, 5]);
  });
});

describe("countsOf", () => {
  it("counts each state, of all or of those shown", () => {
    const codes = Uint8Array.from([0, 7, 7, 3]);
    expect(countsOf(codes, null)).toEqual([1, 0, 0, 1, 0, 0, 0, 2]);
    expect(countsOf(codes, Uint8Array.from([1, 1, 0, 0]))[STATES.indexOf("fault")]).toBe(1);
  });
});
