// Symbols of the map, drawn from the same shapes as the marks on pages: a site's state, or a pill
// with the worst state and the number of sites inside.

import { OUTLINES, type Outline } from "../lib/shapes";
import { look } from "../lib/states";
import { colour } from "../lib/theme.svelte";
import { short, type Mark } from "./cluster";
import { STATES } from "./codes";

/** Pixels of a picture in one CSS pixel: sharp on every screen. */
export const RATIO = 2;
/** Sizes in CSS px. */
const SHAPE = 14;
const SITE = 22;
const PILL_HEIGHT = 24;
const GLYPH = 10;

/** What a symbol looks like; equal names look equal. */
export function nameOf(mark: Mark): string {
  const state = STATES[mark.worst] ?? "silent";
  return mark.count === 1 ? state : `${state} ${short(mark.count)}`;
}

/** Draws symbols in the colours of the present theme; make a new one when the theme changes. */
export class Sprites {
  readonly #made = new Map<string, HTMLCanvasElement>();

  /** The picture of a symbol. */
  picture(name: string): HTMLCanvasElement {
    let found = this.#made.get(name);
    if (!found) {
      const [state = "silent", count = ""] = name.split(" ");
      found = count ? pill(state, count) : site(state);
      this.#made.set(name, found);
    }
    return found;
  }

  /** Width and height of a mark's symbol, CSS px. */
  size(mark: Mark): [number, number] {
    const { width, height } = this.picture(nameOf(mark));
    return [width / RATIO, height / RATIO];
  }

  /** The same as pixels. */
  pixels(name: string): ImageData {
    const canvas = this.picture(name);
    return canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
  }
}

function sheet(width: number, height: number): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * RATIO);
  canvas.height = Math.ceil(height * RATIO);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.scale(RATIO, RATIO);
  return [canvas, context];
}

/** One site: its shape on a disc, so that it stands out from borders and other symbols. */
function site(state: string): HTMLCanvasElement {
  const [canvas, context] = sheet(SITE, SITE);
  context.beginPath();
  context.arc(SITE / 2, SITE / 2, SITE / 2 - 1, 0, 2 * Math.PI);
  context.globalAlpha = 0.88;
  context.fillStyle = colour("--panel");
  context.fill();
  context.globalAlpha = 1;
  shape(context, state, (SITE - SHAPE) / 2, SHAPE);
  return canvas;
}

function pill(state: string, count: string): HTMLCanvasElement {
  const font = `600 12px ${colour("--font")}`;
  const [, ruler] = sheet(1, 1);
  ruler.font = font;
  const width = Math.round(ruler.measureText(count).width + GLYPH + 19);
  const [canvas, context] = sheet(width, PILL_HEIGHT);
  context.beginPath();
  context.roundRect(1, 1, width - 2, PILL_HEIGHT - 2, (PILL_HEIGHT - 2) / 2);
  context.fillStyle = colour("--panel");
  context.fill();
  context.lineWidth = 1.6;
  context.strokeStyle = colour(look(state).colour);
  context.stroke();
  shape(context, state, 7, GLYPH);
  context.font = font;
  context.fillStyle = colour("--text");
  context.textBaseline = "middle";
  context.fillText(count, GLYPH + 11, PILL_HEIGHT / 2 + 0.5);
  return canvas;
}

function shape(context: CanvasRenderingContext2D, state: string, at: number, size: number): void {
  const shown = look(state);
  const top = (context.canvas.height / RATIO - size) / 2;
  context.save();
  context.translate(at, top);
  context.scale(size / 12, size / 12);
  context.fillStyle = context.strokeStyle = colour(shown.colour);
  for (const outline of OUTLINES[shown.shape]) trace(context, outline);
  context.restore();
}

function trace(context: CanvasRenderingContext2D, outline: Outline): void {
  const path = new Path2D(outline.d);
  if (!outline.stroke) {
    context.fill(path);
    return;
  }
  context.lineWidth = outline.stroke;
  context.setLineDash(outline.dash ? [...outline.dash] : []);
  context.stroke(path);
}
