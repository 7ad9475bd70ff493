import { cloakroom } from "@cloakroom/vite";
import { defineConfig } from "vite";

export default defineConfig({
  // The gateway of cloakroom.yaml on the origin of Vite's server. Without OIDC_ISSUER it uses a provider for development.
  plugins: [cloakroom({ provider: true })],
  // The same port as the gateway's: the provider needs to know one redirect URI only.
  server: { port: 3000 },
  // Files, not data: URLs, which the gateway's content security policy blocks.
  build: { assetsInlineLimit: 0 },
});
