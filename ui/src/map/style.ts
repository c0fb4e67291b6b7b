// Sources and layers of the map by WebGL, in the colours of the present theme.

import type { LayerSpecification, SourceSpecification } from "maplibre-gl";
import { colour } from "../lib/theme.svelte";

/** Feeders are drawn from this zoom on; further out they would be a smear. */
export const FEEDER_ZOOM = 8;

const EMPTY = { type: "FeatureCollection" as const, features: [] };

/** Sources before anything is known. */
export const NOTHING: Record<string, SourceSpecification> = {
  // The base map is coarse; finer tiles than these would show nothing more.
  land: { type: "geojson", data: EMPTY, maxzoom: 6, tolerance: 0.5 },
  borders: { type: "geojson", data: EMPTY, maxzoom: 6, tolerance: 0.5 },
  graticule: { type: "geojson", data: EMPTY },
  areas: { type: "geojson", data: EMPTY, maxzoom: 14 },
  feeders: { type: "geojson", data: EMPTY, maxzoom: 14 },
  selected: { type: "geojson", data: EMPTY },
  marks: { type: "geojson", data: EMPTY, buffer: 64, tolerance: 0 },
};

/** Paint that depends on the theme: layer, property, value. */
export function paint(): [string, string, unknown][] {
  const trouble = ["boolean", ["feature-state", "trouble"], false];
  const byTrouble = ["case", trouble, colour("--bad"), colour("--accent")];
  return [
    ["sea", "background-color", colour("--bg")],
    ["land", "fill-color", colour("--panel")],
    ["borders", "line-color", colour("--line")],
    ["graticule", "line-color", colour("--line")],
    ["areas", "fill-color", byTrouble],
    ["outlines", "line-color", byTrouble],
    ["feeders", "line-color", colour("--series-import")],
    ["selected", "circle-stroke-color", colour("--focus")],
  ];
}

/** The layers, from the bottom up. */
export function layers(): LayerSpecification[] {
  const found = [
    { id: "sea", type: "background" },
    { id: "land", type: "fill", source: "land", paint: { "fill-antialias": false } },
    { id: "borders", type: "line", source: "borders", paint: { "line-width": 1 } },
    { id: "graticule", type: "line", source: "graticule", paint: { "line-width": 0.5 } },
    {
      id: "areas",
      type: "fill",
      source: "areas",
      paint: {
        "fill-antialias": false,
        "fill-opacity": ["case", ["boolean", ["feature-state", "trouble"], false], 0.14, 0.06],
      },
    },
    {
      id: "outlines",
      type: "line",
      source: "areas",
      paint: {
        "line-width": ["case", ["boolean", ["feature-state", "chosen"], false], 2.5, 1],
        "line-opacity": 0.7,
      },
    },
    {
      id: "feeders",
      type: "line",
      source: "feeders",
      minzoom: FEEDER_ZOOM,
      layout: { "line-cap": "round", "line-join": "round" },
      paint: {
        "line-width": ["case", ["boolean", ["feature-state", "chosen"], false], 3.5, 1.5],
        "line-opacity": 0.8,
      },
    },
    {
      id: "marks",
      type: "symbol",
      source: "marks",
      layout: {
        "icon-image": ["get", "icon"],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": ["get", "worst"],
      },
    },
    {
      id: "selected",
      type: "circle",
      source: "selected",
      paint: { "circle-radius": 14, "circle-opacity": 0, "circle-stroke-width": 2.5 },
    },
  ] as LayerSpecification[];
  for (const [id, property, value] of paint()) {
    const layer = found.find((one) => one.id === id)! as { paint?: Record<string, unknown> };
    layer.paint = { ...layer.paint, [property]: value };
  }
  return found;
}
