// The gateway with fifty applications, of which one gets the requests: compared with a gateway of that one application.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "@cloakroom/testing/free-port.ts";
import type { BenchEnvironment, Contestant } from "../contestant.ts";
import { startNode } from "../start-process.ts";

const APPLICATIONS = 50;

export const cloakroomApplications: Contestant = {
  id: "cloakroom-50-apps",
  name: `Cloakroom, ${APPLICATIONS} applications`,
  about: `as it ships, with ${APPLICATIONS} applications in one process, each with its session cache`,
  login: { path: "/bff/login", callbackPath: "/bff/callback" },
  headers: { "x-csrf": "1", "sec-fetch-site": "same-origin" },
  start: async (environment, port) => {
    const file = join(environment.folder, "fifty-applications.yaml");
    // JSON is valid YAML.
    writeFileSync(file, JSON.stringify(configOf(environment, port, await freePort())));
    return startNode({
      name: "cloakroom-50-apps",
      file: "bff/src/main.ts",
      port,
      env: { CLOAKROOM_CONFIG: file },
    });
  },
};

function configOf({ issuer, client, redis, upstream }: BenchEnvironment, port: number, managementPort: number) {
  return {
    management: { port: managementPort },
    redis: { url: redis.url },
    secretKeys: [Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url")],
    drainSeconds: 0,
    provider: { issuer, ...client },
    upstreams: [{ prefix: "/api", baseUrl: upstream, webSocket: true }],
    applications: Array.from({ length: APPLICATIONS }, (_, index) => ({
      id: `app-${index}`,
      // The last one gets the requests: the order must not matter.
      origin: `http://${index === APPLICATIONS - 1 ? "localhost" : `127.0.0.${index + 2}`}:${port}`,
    })),
  };
}
