// The pages, in the order of the menu. Each is a bundle of its own, loaded when first opened.

export interface PageEntry {
  path: string;
  title: string;
  hidden?: boolean;
  load: () => Promise<{ default: unknown }>;
}

export const PAGES: readonly PageEntry[] = [
  { path: "now", title: "Now", load: () => import("./Now.svelte") },
  { path: "map", title: "Map", load: () => import("./Map.svelte") },
  { path: "fleet", title: "Fleet", load: () => import("./Fleet.svelte") },
  { path: "device", title: "Device", hidden: true, load: () => import("./Device.svelte") },
  { path: "plan", title: "Plan", load: () => import("./Plan.svelte") },
  { path: "act", title: "Act", load: () => import("./Act.svelte") },
  { path: "alarms", title: "Alarms", load: () => import("./Alarms.svelte") },
  { path: "history", title: "History", load: () => import("./History.svelte") },
  { path: "data", title: "Data", load: () => import("./Data.svelte") },
  { path: "audit", title: "Audit", load: () => import("./Audit.svelte") },
];
