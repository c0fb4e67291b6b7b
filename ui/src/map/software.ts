// Whether a map is drawn by the processor: then each pixel costs.

/** Names of renderers without a graphics card: SwiftShader, Mesa's, Windows' own. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;
/** With more sites than this a map drawn by the processor is drawn coarser, so that it can be dragged. */
export const MANY_SITES = 10_000;
/** Share of the screen's resolution that is drawn then: half of the pixels. */
export const COARSE = 0.7;

/** Whether this name of a renderer is one without a graphics card. */
export function isSoftware(renderer: string): boolean {
  return SOFTWARE.test(renderer);
}

/** Share of the screen's resolution for a map of so many sites on this canvas. */
export function resolution(canvas: HTMLCanvasElement, sites: number): number {
  if (sites <= MANY_SITES) return 1;
  const gl = canvas.getContext("webgl2");
  const told = gl?.getExtension("WEBGL_debug_renderer_info");
  return gl && told && isSoftware(String(gl.getParameter(told.UNMASKED_RENDERER_WEBGL))) ? COARSE : 1;
}
