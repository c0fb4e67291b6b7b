import { describe, expect, it } from "vitest";
import { byGravity, listed, passing } from "./find";
import { Places } from "./sites.svelte";

const places = new Places({
  fleet: "f",
  name: "F",
  order: "o",
  areas: [0, 1].map((n) => ({
    id: `a${n}`,
    name: `Area ${n}`,
    islanded: false,
    border: {
      type: "Polygon" as const,
      coordinates: [[[n, 0], [n + 1, 0], [n + 1, 1], [n, 0]] as [number, number][]],
    },
  })),
  time_zones: ["UTC"],
  kinds: [["engine"]],
  feeders: [
    { id: "a0-1", name: "River road", area: 0, limit_kw: null, lines: [] },
    { id: "a1-1", name: "Hill", area: 1, limit_kw: 90, lines: [[[1, 0], [1.5, 0.5]]] },
  ],
  sites: {
    ids: ["s0", "s1", "s2", "s3"],
    names: ["Tower", "Pump", "Tower two", "Clinic"],
    area: [0, 0, 1, 1],
    longitude: [0.1, 0.2, 1.1, 1.2],
    latitude: [0.1, 0.1, 0.1, 0.1],
    zone: [0, 0, 0, 0],
    kind: [0, 0, 0, 0],
    feeder: [0, -1, 1, 1],
  },
});

const all = { text: "", area: -1, feeder: -1, box: null };

describe("a feeder chosen on the map", () => {
  it("leaves the sites on it, with any other filter", () => {
    expect(passing(places, all)).toBeNull();
    const found = (wanted: Partial<typeof all>): number[] => [
      ...listed(passing(places, { ...all, ...wanted }), places.count),
    ];
    expect(found({ feeder: 1 })).toEqual([2, 3]);
    expect(found({ feeder: 0 })).toEqual([0]);
    expect(found({ feeder: 1, text: "tower" })).toEqual([2]);
    expect(found({ feeder: 0, area: 1 })).toEqual([]);
  });
});

it("the gravest sites come first, those alike in their order", () => {
  const hits = Uint32Array.of(0, 1, 2, 4, 5);
  expect([...byGravity(hits, Uint8Array.of(0, 7, 3, 7, 7, 0))]).toEqual([1, 4, 2, 0, 5]);
  expect([...byGravity(new Uint32Array(), new Uint8Array())]).toEqual([]);
});

it("an area's name hangs under its border, not on it", () => {
  const [x, y] = places.crown(0);
  const [west, north, east, south] = places.extent(0);
  expect(x).toBeCloseTo((west + east) / 2, 12);
  expect(y).toBeGreaterThan(north + 0.3 * (south - north));
  expect(y).toBeLessThan(south);
});
