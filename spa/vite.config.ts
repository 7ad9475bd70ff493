// How the app is built. Everything here exists to let the built app pass the gateway's strict CSP.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  // The launcher builds from the repository root as well as from this folder.
  root: import.meta.dirname,
  plugins: [react()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    // A small asset inlined as data: would violate img-src and font-src 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
});
