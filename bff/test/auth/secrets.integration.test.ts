// I1: after the whole life of a session, with failures, no secret is in the log, a response, a metric or Redis.
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
const seen: string[] = [];
let sessionIds: string[] = [];

beforeAll(async () => {
  system = await startTestSystem({ lifetimes: { accessTokenSeconds: 2 } });
  const browser = system.browser();
  const keep = async (response: Response) => {
    const headers = [...response.headers].filter(([name]) => name !== "set-cookie");
    seen.push(JSON.stringify(headers), await response.text());
  };
  await keep(await browser.login("?returnTo=/profile"));
  sessionIds = [browser.cookies.get("__Host-Http-session")!];
  await keep(await browser.fetch("/bff/user"));
  await keep(await browser.fetch("/api/x"));
  const until = (condition: () => Promise<boolean>) => vi.waitUntil(condition, { timeout: 10_000, interval: 100 });
  await until(async () => {
    await keep(await browser.fetch("/api/x"));
    return system.provider.count("token:refresh_token") > 0;
  });
  system.provider.faults.set({ endpoint: "token", status: 500, body: "{}" });
  await until(async () => (await browser.fetch("/api/x")).status === 503);
  await keep(await browser.fetch("/api/x"));
  system.provider.faults.clear();
  await keep(await browser.fetch("/api/x"));
  await system.redis.kill();
  await keep(await browser.fetch("/api/x"));
  await system.redis.start();
  await keep(await browser.navigate("/bff/callback?code=a-canary-code&state=a-canary-state"));
  await until(async () => (await browser.fetch("/bff/user")).status === 200);
}, 60_000);
afterAll(() => system.stop());

function secrets(): string[] {
  const { accessTokens, refreshTokens, idTokens, codes, clientSecrets } = system.provider.issuedTokens();
  const tokens = [...accessTokens, ...refreshTokens, ...idTokens];
  // The signature identifies a token.
  const signatures = tokens.map((token) => token.split(".").at(-1) ?? "").filter((part) => part.length > 16);
  return [...tokens, ...signatures, ...codes, ...clientSecrets, ...sessionIds, "a-canary-code", "a-canary-state"];
}

function leaks(where: string): string[] {
  return secrets().filter((secret) => where.includes(secret));
}

describe("secrets", () => {
  it("no secret is in the log at level debug", () => {
    expect(system.gateway.log.length).toBeGreaterThan(10);
    expect(leaks(system.gateway.log.join(""))).toEqual([]);
  });

  it("no secret is in the head or body of a response", () => {
    expect(seen.length).toBeGreaterThan(10);
    expect(leaks(seen.join("\n"))).toEqual([]);
  });

  it("no token or session id is in Redis in clear text", async () => {
    const redis = new Redis(system.redis.url);
    const keys = await redis.keys("*");
    expect(keys.length).toBeGreaterThan(2);
    const dump = await Promise.all(
      keys.map(async (key) => {
        const type = await redis.type(key);
        if (type === "hash") return JSON.stringify([key, await redis.hgetall(key)]);
        if (type === "zset") return JSON.stringify([key, await redis.zrange(key, "0", "-1")]);
        return JSON.stringify([key, await redis.get(key)]);
      }),
    );
    expect(leaks(dump.join("\n"))).toEqual([]);
    redis.disconnect();
  });

  it("the search finds a secret that is present", () => {
    expect(leaks(`x ${system.provider.issuedTokens().refreshTokens[0]} y`)).not.toEqual([]);
    expect(leaks(`x ${sessionIds[0]} y`)).not.toEqual([]);
  });
});
