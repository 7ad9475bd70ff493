// express-openid-connect with its sessions in Redis, and http-proxy-middleware.
import { join } from "node:path";
import type { Contestant } from "../contestant.ts";
import { startNode } from "../start-process.ts";
import { needNpmPackages } from "../tools.ts";

export const express: Contestant = {
  id: "express",
  name: "express-openid-connect, Redis",
  about: "version 3 with connect-redis and http-proxy-middleware; packages of their own, no log, no CSRF rule",
  login: { path: "/login", callbackPath: "/callback" },
  start: async (environment, port) => {
    needNpmPackages(join(import.meta.dirname, "../express-openid-connect"));
    return startNode({
      name: "express",
      file: "tools/bench/express-openid-connect/server.js",
      port,
      env: {
        UPSTREAM: environment.upstream,
        REDIS_URL: environment.redis.url,
        ISSUER: environment.issuer,
        CLIENT_ID: environment.client.clientId,
        CLIENT_SECRET: environment.client.clientSecret,
      },
    });
  },
};
