// Which marks a map shows: sites that stand close together become one, with the worst state inside.
//
// Sites are put into cells of a grid that is fixed to the world at each whole zoom, so that nothing
// regroups while the map is dragged. Two typed arrays are walked once; 50,000 sites take a few
// milliseconds, and only what is in view becomes a mark.

import { WORLD_PX, type Box } from "./mercator";

/** Sites as columns; positions in the Mercator square. */
export interface Points {
  x: Float64Array;
  y: Float64Array;
}

export interface Mark {
  /** Mean position of its sites. */
  x: number;
  y: number;
  count: number;
  /** Code of the worst state inside, and how many sites are in it. */
  worst: number;
  inWorst: number;
  /** The first site, the only one when `count` is 1. */
  site: number;
  /** Where its sites are. */
  box: Box;
}

/** Size of a cell on the screen, px: few sites are told apart sooner. */
export function cellPx(sites: number): number {
  return sites <= 400 ? 30 : 46;
}

interface Cell {
  column: number;
  row: number;
  sumX: number;
  sumY: number;
  count: number;
  worst: number;
  inWorst: number;
  site: number;
  west: number;
  north: number;
  east: number;
  south: number;
}

/** Means closer than this share of a cell would draw over each other. */
const NEAR = 0.8;
/** Cells to the right and below; the others were looked at before. */
const AFTER: readonly (readonly [number, number])[] = [
  [1, 0],
  [-1, 1],
  [0, 1],
  [1, 1],
];

/**
 * The marks in a box.
 *
 * @param codes state of each site, graver ones greater.
 * @param shown 1 for sites to show; null: all.
 * @param box what is in view, in the Mercator square.
 * @param zoom of the map; its whole part sets the grid.
 * @param px size of a cell on the screen, px.
 * @param alone a site that is never put together with others; -1: none.
 */
export function marksIn(
  points: Points,
  codes: Uint8Array,
  shown: Uint8Array | null,
  box: Box,
  zoom: number,
  px: number,
  alone = -1,
): Mark[] {
  const size = px / (WORLD_PX * 2 ** Math.floor(zoom));
  const across = Math.ceil(1 / size) + 2;
  const west = Math.floor(box[0] / size) * size;
  const north = Math.floor(box[1] / size) * size;
  const east = Math.ceil(box[2] / size) * size;
  const south = Math.ceil(box[3] / size) * size;
  const cells = new Map<number, Cell>();
  const { x, y } = points;
  for (let site = 0; site < x.length; site += 1) {
    const px0 = x[site]!;
    const py0 = y[site]!;
    if (px0 < west || px0 >= east || py0 < north || py0 >= south) continue;
    if (site === alone || (shown !== null && !shown[site])) continue;
    const column = Math.floor(px0 / size);
    const row = Math.floor(py0 / size);
    const key = row * across + column;
    const code = codes[site] ?? 0;
    const cell = cells.get(key);
    if (cell === undefined) {
      cells.set(key, {
        column,
        row,
        sumX: px0,
        sumY: py0,
        count: 1,
        worst: code,
        inWorst: 1,
        site,
        west: px0,
        north: py0,
        east: px0,
        south: py0,
      });
    } else {
      cell.sumX += px0;
      cell.sumY += py0;
      cell.count += 1;
      if (code > cell.worst) {
        cell.worst = code;
        cell.inWorst = 0;
      }
      if (code === cell.worst) cell.inWorst += 1;
      if (px0 < cell.west) cell.west = px0;
      if (px0 > cell.east) cell.east = px0;
      if (py0 < cell.north) cell.north = py0;
      if (py0 > cell.south) cell.south = py0;
    }
  }
  joinNear(cells, across, size * NEAR);
  const marks: Mark[] = [...cells.values()].map((cell) => ({
    x: cell.sumX / cell.count,
    y: cell.sumY / cell.count,
    count: cell.count,
    worst: cell.worst,
    inWorst: cell.inWorst,
    site: cell.site,
    box: [cell.west, cell.north, cell.east, cell.south] as const,
  }));
  if (alone >= 0) marks.push(single(points, codes, alone));
  return marks;
}

function single({ x, y }: Points, codes: Uint8Array, site: number): Mark {
  const [west, north] = [x[site]!, y[site]!];
  const worst = codes[site] ?? 0;
  const box = [west, north, west, north] as const;
  return { x: west, y: north, count: 1, worst, inWorst: 1, site, box };
}

/** Join cells whose means stand too close, each with at most one neighbour: blobs do not grow. */
function joinNear(cells: Map<number, Cell>, across: number, near: number): void {
  const joined = new Set<number>();
  for (const [key, cell] of [...cells]) {
    if (joined.has(key)) continue;
    for (const [right, down] of AFTER) {
      const beside = (cell.row + down) * across + cell.column + right;
      const other = cells.get(beside);
      if (other === undefined || joined.has(beside)) continue;
      const dx = cell.sumX / cell.count - other.sumX / other.count;
      const dy = cell.sumY / cell.count - other.sumY / other.count;
      if (dx * dx + dy * dy > near * near) continue;
      join(cell, other);
      cells.delete(beside);
      joined.add(key).add(beside);
      break;
    }
  }
}

function join(into: Cell, other: Cell): void {
  into.sumX += other.sumX;
  into.sumY += other.sumY;
  into.count += other.count;
  if (other.worst > into.worst) into.inWorst = other.inWorst;
  else if (other.worst === into.worst) into.inWorst += other.inWorst;
  into.worst = Math.max(into.worst, other.worst);
  into.site = Math.min(into.site, other.site);
  into.west = Math.min(into.west, other.west);
  into.north = Math.min(into.north, other.north);
  into.east = Math.max(into.east, other.east);
  into.south = Math.max(into.south, other.south);
}

/** A count in at most four characters. */
export function short(count: number): string {
  if (count < 1000) return String(count);
  if (count < 9950) return `${(count / 1000).toFixed(1)}k`;
  return `${Math.round(count / 1000)}k`;
}
