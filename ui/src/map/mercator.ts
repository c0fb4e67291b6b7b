// Web Mercator: degrees to a square of 1 by 1 and back, x to the east, y to the south.

/** Pixels of the whole world at zoom 0, as MapLibre counts them. */
export const WORLD_PX = 512;
/** Beyond this latitude the square ends, degrees. */
const MAX_LATITUDE = 85.0511;

export function xOf(longitude: number): number {
  return longitude / 360 + 0.5;
}

export function yOf(latitude: number): number {
  const held = Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, latitude));
  const sine = Math.sin((held * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}

export function longitudeOf(x: number): number {
  return (x - 0.5) * 360;
}

export function latitudeOf(y: number): number {
  return (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI;
}

/** West, north, east, south in the square. */
export type Box = readonly [number, number, number, number];

/** The zoom at which a box fits into so many pixels. */
export function zoomToFit(box: Box, width: number, height: number, most: number): number {
  const wide = Math.max(box[2] - box[0], 1e-9);
  const high = Math.max(box[3] - box[1], 1e-9);
  const scale = Math.min(width / wide, height / high);
  return Math.max(0, Math.min(most, Math.log2(scale / WORLD_PX)));
}
