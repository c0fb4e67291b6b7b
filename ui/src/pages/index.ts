// The pages, in the order of the menu. Each is a bundle of its own, loaded when first opened.

export interface PageEntry {
  path: string;
  title: string;
  hidden?: boolean;
  /** On a narrow screen it is behind "More". */
  rest?: boolean;
  load: () => Promise<{ default: unknown }>;
}

export const PAGES: readonly PageEntry[] = [
  { path: "now", title: "Now", load: () => import("./Now.svelte") },
  { path: "map", title: "Map", load: () => import("./Map.svelte") },
  { path: "fleet", title: "Fleet", load: () => import("./Fleet.svelte") },
  { path: "device", title: "Device", hidden: true, load: () => import("./Device.svelte") },
  { path: "plan", title: "Plan", rest: true, load: () => import("./Plan.svelte") },
  { path: "act", title: "Act", load: () => import("./Act.svelte") },
  { path: "alarms", title: "Alarms", load: () => import("./Alarms.svelte") },
  { path: "history", title: "History", rest: true, load: () => import("./History.svelte") },
  { path: "data", title: "Data", rest: true, load: () => import("./Data.svelte") },
  { path: "audit", title: "Audit", rest: true, load: () => import("./Audit.svelte") },
];
