// Which changes of cloakroom.yaml a running gateway rejects: those of settings that are marked (server) in settings.md.
import { describe, expect, it } from "vitest";
import { restartReasons } from "../../src/config/restart-reasons.ts";
import { SETTINGS, type Setting, type SettingName } from "../../src/config/settings.ts";
import { load, MINIMAL, OTHER_KEY } from "./file/config-files.ts";

const REDIS = 'redis: { url: "redis://a" }\n';
const fileOf = (lines: string) => `${MINIMAL}id: shop\n${lines.startsWith("redis:") ? "" : REDIS}${lines}`;

/** Lines that are added; without a reason, the reload applies the change. */
const CHANGES: Partial<Record<SettingName, readonly [lines: string, reason: RegExp | undefined]>> = {
  HOST: ["listen: { host: 127.0.0.9 }\n", /^listen has/],
  PORT: ["listen: { port: 3999 }\n", /^listen has/],
  MANAGEMENT_HOST: ["management: { host: 127.0.0.9 }\n", /^management has/],
  MANAGEMENT_PORT: ["management: { port: 9999 }\n", /^management has/],
  REDIS_URL: ['redis: { url: "redis://b" }\n', /^redis\.url has/],
  REDIS_CONFIRM_REPLICAS: ['redis: { url: "redis://a", confirmReplicas: 1 }\n', /^redis\.confirmReplicas has/],
  MAX_WAITING_PER_SESSION: ["limits: { waitingPerSession: 17 }\n", /^limits\.waitingRequests, waitingPerSession/],
  MAX_WAITING_PER_ADDRESS: ["limits: { waitingPerAddress: 17 }\n", /^limits\.waitingRequests, waitingPerSession/],
  REDIS_TIMEOUT_MS: ['redis: { url: "redis://a", timeoutMs: 777 }\n', /^redis\.timeoutMs has/],
  LOG_LEVEL: ["log: { level: debug }\n", /^log\.level has/],
  WORKERS: ["workers: 2\n", /^workers has/],
  DRAIN_SECONDS: ["drainSeconds: 7\n", /^drainSeconds has/],
  TRUSTED_PROXIES: ["trustedProxies: [10.0.0.0/8]\n", /^trustedProxies has/],
  HTTPS_PROXY: ['outboundProxy: { https: "http://proxy:3128" }\n', undefined],
  HTTP_PROXY: ['outboundProxy: { http: "http://proxy:3128" }\n', undefined],
  NO_PROXY: ["outboundProxy: { bypass: [id.example] }\n", undefined],
  MAX_CONNECTIONS: ["limits: { connections: 17 }\n", /^limits\.connections has/],
  MAX_EVENT_STREAMS: ["limits: { eventStreams: 17 }\n", /^limits\.eventStreams has/],
  MAX_WAITING_REQUESTS: ["limits: { waitingRequests: 17 }\n", /^limits\.waitingRequests/],
  FORWARD_AUTH_LISTEN: ['forwardAuth: { listen: "127.0.0.1:4180", proxy: nginx }\n', /^forwardAuth has/],
  ADMIN_TOKEN: [`management: { adminToken: ${OTHER_KEY} }\n`, /^management\.adminToken/],
  SECRET_KEYS: ["", /^secretKeys has/],
};

/** Need files or Sentinels; they are part of `redisAccess` and `forwardAuth`. */
const NOT_TRIED = /^(REDIS_(CA|CERT|KEY)_FILE|REDIS_SENTINEL_|FORWARD_AUTH_PROXY)/;

describe("a reload that changes", () => {
  it.each(Object.entries(CHANGES))("%s says in one sentence whether it needs a restart", (name, [lines, reason]) => {
    const text = fileOf(lines);
    const next = load(name === "SECRET_KEYS" ? text.replace(/secretKeys: .*/, `secretKeys: ${OTHER_KEY}`) : text);
    const expected = reason === undefined ? [] : [expect.stringMatching(reason)];
    expect(restartReasons(load(fileOf("")), next)).toEqual(expected);
  });

  it("no other setting of the process exists", () => {
    const server = Object.entries<Setting>(SETTINGS).filter(([, { scope }]) => scope === "server");
    const tried = [...Object.keys(CHANGES), ...Object.keys(SETTINGS).filter((name) => NOT_TRIED.test(name))];
    expect(server.map(([name]) => name).toSorted()).toEqual(tried.toSorted());
  });
});
