// Builds each app of this folder to dist/NAME.
import react from "@vitejs/plugin-react";
import { build } from "vite";
import { VitePWA } from "vite-plugin-pwa";

const pwa = VitePWA({
  registerType: "autoUpdate",
  manifest: { name: "PWA", short_name: "PWA", icons: [], theme_color: "#ffffff" },
  workbox: { navigateFallbackDenylist: [/^\/(bff|api)(\/|$)/] },
});

const PLUGINS = {
  react: [react()],
  mui: [react()],
  mantine: [react()],
  pwa: [pwa],
  workers: [],
  remote: [],
};

for (const [name, plugins] of Object.entries(PLUGINS)) {
  const root = new URL(name, import.meta.url).pathname;
  const outDir = new URL(`dist/${name}`, import.meta.url).pathname;
  await build({ root, configFile: false, logLevel: "warn", plugins, build: { outDir, emptyOutDir: true } });
}
