// What both maps, the one by WebGL and the plain one, are given and give back.

import type { Box } from "./mercator";
import type { Places } from "./sites.svelte";

export interface Filter {
  /** Position of the only area to show; -1: all. */
  area: number;
  /** Position of the only feeder to show; -1: all. */
  feeder: number;
  /** How many sites pass. */
  count: number;
}

export interface MapProps {
  places: Places;
  /** 1 for each site to show; null: all. */
  shown: Uint8Array | null;
  filter: Filter;
  /** The site that is open beside the map; -1: none. */
  selected: number;
  /** Areas that are dark or short of power. */
  troubled: ReadonlySet<number>;
  /** A site was chosen on the map. */
  onsite: (site: number) => void;
  /** Several sites that cannot be told apart were chosen. */
  onmany: (box: Box) => void;
}

/** What a page may ask of either. */
export interface MapHandle {
  fit: () => void;
  show: (site: number) => void;
  showArea: (area: number) => void;
}
