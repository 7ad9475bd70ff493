import node from "@astrojs/node";

export default {
  output: "server",
  adapter: node({ mode: "standalone" }),
  // X-Forwarded-Host of the gateway counts for this host only.
  security: { allowedDomains: [{ hostname: "localhost" }] },
  devToolbar: { enabled: false },
};
