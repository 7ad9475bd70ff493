// Typical tutorial gateway: koa, koa-session with the session as JSON in Redis, http-proxy-middleware.
import type { Contestant } from "../contestant.ts";
import { startNode } from "../start-process.ts";

export const tutorial: Contestant = {
  id: "tutorial",
  name: "tutorial gateway",
  about:
    "koa, koa-session with everything as JSON in Redis, openid-client, http-proxy-middleware; no log, no CSRF rule",
  login: { path: "/login", callbackPath: "/callback" },
  start: (environment, port) =>
    startNode({
      name: "tutorial",
      file: "tools/bench/servers/tutorial-gateway.ts",
      port,
      env: {
        UPSTREAM: environment.upstream,
        REDIS_URL: environment.redis.url,
        ISSUER: environment.issuer,
        CLIENT_ID: environment.client.clientId,
        CLIENT_SECRET: environment.client.clientSecret,
      },
    }),
};
