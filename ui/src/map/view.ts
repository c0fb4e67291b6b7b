// Where the map was when it was left, so that coming back to it changes nothing.

export interface View {
  center: [number, number];
  zoom: number;
}

/** Nearest view: some hundred metres across. */
export const MOST_ZOOM = 17;

const kept = new Map<string, View>();

/** The view last left for an order of sites; with one given, keep it. */
export function keptView(order: string, view?: View): View | undefined {
  if (view) {
    kept.clear();
    kept.set(order, view);
  }
  return kept.get(order);
}
