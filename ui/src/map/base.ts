// The base map: Natural Earth's countries at 1:50 million, shipped with the page.

import type { Feature, MultiLineString, MultiPolygon, Polygon } from "geojson";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import atlas from "world-atlas/countries-50m.json?url";

export interface Base {
  land: Feature<Polygon | MultiPolygon>;
  borders: MultiLineString;
}

let reading: Promise<Base> | undefined;

/** Land and the borders between countries; read once. */
export function base(): Promise<Base> {
  reading ??= read();
  return reading;
}

async function read(): Promise<Base> {
  const answer = await fetch(atlas);
  const topology = (await answer.json()) as Topology<{
    land: GeometryCollection;
    countries: GeometryCollection;
  }>;
  const { land, countries } = topology.objects;
  const whole = feature(topology, land);
  return {
    land: whole.features[0] as Feature<Polygon | MultiPolygon>,
    borders: mesh(topology, countries, (one, other) => one !== other),
  };
}
