import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// The bundle is committed and CI compares it with a build of this source, so that nothing in it may
// depend on the machine or the moment of the build.
export default defineConfig({
  base: "./",
  plugins: [svelte()],
  worker: { format: "es" },
  build: {
    outDir: process.env.GRIDMUSTER_UI_OUT ?? "../src/gridmuster/console/web",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    license: { fileName: "licenses.md" },
  },
  test: { include: ["src/**/*.test.ts"] },
});
