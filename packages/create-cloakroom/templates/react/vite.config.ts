import { cloakroom } from "@cloakroom/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [
    react(),
    // The gateway of cloakroom.yaml on the origin of Vite's server. Without OIDC_ISSUER it uses a provider for development.
    cloakroom({ provider: true }),
  ],
  // The same port as the gateway's: the provider needs to know one redirect URI only.
  server: { port: 3000 },
  // Files, not data: URLs, which the gateway's content security policy blocks.
  build: { assetsInlineLimit: 0 },
});
