// The sites of the fleet: where they are, read once, and what each does now, from the stream.

import { get } from "../lib/api";
import { plant } from "../lib/plant.svelte";
import { merged, type SitesMessage } from "./codes";
import { xOf, yOf, type Box } from "./mercator";

export interface AreaPlace {
  id: string;
  name: string;
  islanded: boolean;
  border: { type: "Polygon"; coordinates: [number, number][][] };
}

export interface FeederPlace {
  id: string;
  name: string;
  /** Position of its area. */
  area: number;
  limit_kw: number | null;
  lines: [number, number][][];
}

interface PlacesDocument {
  fleet: string;
  name: string;
  order: string;
  areas: AreaPlace[];
  time_zones: string[];
  kinds: string[][];
  feeders: FeederPlace[];
  sites: {
    ids: string[];
    names: string[];
    area: number[];
    longitude: number[];
    latitude: number[];
    zone: number[];
    kind: number[];
    feeder: number[];
  };
}

/** The document with what drawing and searching need. */
export class Places {
  readonly order: string;
  readonly fleet: string;
  readonly areas: readonly AreaPlace[];
  readonly ids: readonly string[];
  readonly names: readonly string[];
  readonly area: Uint16Array;
  readonly feeders: readonly FeederPlace[];
  /** Position of each site's feeder; -1: it is on none. */
  readonly feeder: Int32Array;
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Around all sites and borders. */
  readonly box: Box;
  readonly #extents: readonly Box[];
  readonly #kinds: string[][];
  readonly #kind: number[];
  readonly #hay: string[];
  readonly #at: Map<string, number>;

  constructor(found: PlacesDocument) {
    const { sites } = found;
    this.order = found.order;
    this.fleet = found.name;
    this.areas = found.areas;
    this.ids = sites.ids;
    this.names = sites.names;
    this.area = Uint16Array.from(sites.area);
    this.feeders = found.feeders;
    this.feeder = Int32Array.from(sites.feeder);
    this.x = Float64Array.from(sites.longitude, xOf);
    this.y = Float64Array.from(sites.latitude, yOf);
    this.box = around(everyPoint(found));
    this.#extents = found.areas.map((area) => around(area.border.coordinates[0] ?? []));
    this.#kinds = found.kinds;
    this.#kind = sites.kind;
    this.#hay = sites.ids.map((id, site) => `${id} ${sites.names[site]}`.toLowerCase());
    this.#at = new Map(sites.ids.map((id, site) => [id, site]));
  }

  get count(): number {
    return this.ids.length;
  }

  /** A site's position by its id; -1 when there is none. */
  indexOf(id: string): number {
    return this.#at.get(id) ?? -1;
  }

  /** Around an area's border. */
  extent(area: number): Box {
    return this.#extents[area]!;
  }

  /** Where an area's name hangs: its middle, just under its border along the name. */
  crown(area: number): readonly [number, number] {
    const [west, north, east] = this.#extents[area]!;
    const ring = this.areas[area]!.border.coordinates[0] ?? [];
    const middle = (west + east) / 2;
    const tops = [-0.1, -0.05, 0, 0.05, 0.1].map((part) => topAt(ring, middle + part * (east - west)));
    const known = tops.filter((y) => y !== null);
    return [middle, known.length ? Math.max(...known) : north];
  }

  /** The types of a site's devices. */
  types(site: number): readonly string[] {
    return this.#kinds[this.#kind[site]!] ?? [];
  }

  /** Whether a site's id, name or a device type holds every word, in lower case. */
  matches(site: number, words: readonly string[]): boolean {
    const hay = this.#hay[site]!;
    return words.every(
      (word) => hay.includes(word) || this.types(site).some((type) => type.includes(word)),
    );
  }
}

/** How far north a ring reaches at one place from west to east; null: not at all. */
function topAt(ring: readonly (readonly [number, number])[], x: number): number | null {
  let top: number | null = null;
  for (let k = 0, j = ring.length - 1; k < ring.length; j = k, k += 1) {
    const [x1, y1] = [xOf(ring[j]![0]), yOf(ring[j]![1])];
    const [x2, y2] = [xOf(ring[k]![0]), yOf(ring[k]![1])];
    if (x1 > x === x2 > x) continue;
    const y = y1 + ((x - x1) / (x2 - x1)) * (y2 - y1);
    top = top === null ? y : Math.min(top, y);
  }
  return top;
}

/** Around points of longitude and latitude. */
function around(points: Iterable<readonly [number, number]>): Box {
  let [west, north, east, south] = [1, 1, 0, 0];
  for (const [longitude, latitude] of points) {
    const [x, y] = [xOf(longitude), yOf(latitude)];
    west = Math.min(west, x);
    east = Math.max(east, x);
    north = Math.min(north, y);
    south = Math.max(south, y);
  }
  return west <= east ? [west, north, east, south] : [0, 0, 1, 1];
}

function* everyPoint(found: PlacesDocument): Generator<[number, number]> {
  const { longitude, latitude } = found.sites;
  for (let site = 0; site < longitude.length; site += 1) {
    yield [longitude[site]!, latitude[site]!];
  }
  for (const area of found.areas) yield* area.border.coordinates[0] ?? [];
}

class Sites {
  places = $state.raw<Places | null>(null);
  /** One code a site, changed in place; `turn` grows when it was. */
  codes = $state.raw<Uint8Array>(new Uint8Array());
  turn = $state(0);
  /** Why the places could not be read. */
  error = $state.raw<unknown>(null);

  #order = "";
  #raw: Uint8Array = new Uint8Array();
  #asked = "";

  /** Follow until the function returned is called. */
  follow(): () => void {
    if (!this.places) void this.#read("");
    return plant.hear("sites", (data) => this.#take(JSON.parse(data) as SitesMessage));
  }

  #take(message: SitesMessage): void {
    this.#order = message.order;
    this.#raw = merged(this.#raw, message);
    this.#show();
  }

  #show(): void {
    if (this.places?.order !== this.#order) {
      // Another fleet: ask once for each order that is told.
      if (this.places && this.#asked !== this.#order) void this.#read(this.#order);
      return;
    }
    this.codes = this.#raw;
    this.turn += 1;
  }

  async #read(order: string): Promise<void> {
    this.#asked = order;
    try {
      this.places = new Places(await get<PlacesDocument>("/places"));
      this.error = null;
      this.#show();
    } catch (caught) {
      this.error = caught;
    }
  }
}

export const sites = new Sites();
