// Everything around the gateway, real: Redis, a provider with rotation and reuse detection, an upstream that tells
// what it received, and one or more instances of the gateway that share them.
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { Lifetimes, ProviderHandle } from "@cloakroom/testing/provider/types.ts";
import { formBrowser } from "@cloakroom/testing/form-browser.ts";
import { testBrowser, type TestBrowser } from "./browser.ts";
import { startGateway, type TestGateway } from "./test-gateway.ts";
import { startRedis, type TestRedis } from "./test-redis.ts";

export type Received = { method: string; url: string; authorization: string | undefined; cookie: string | undefined };

export type World = {
  redis: TestRedis;
  provider: ProviderHandle;
  gateways: TestGateway[];
  gateway: TestGateway;
  /** What the upstream received, oldest first. */
  received: Received[];
  /** A browser whose user logs in with name and password at the provider's own pages. */
  browser(username?: string, at?: TestGateway): TestBrowser;
  stop(): Promise<void>;
};

type Options = {
  instances?: number;
  lifetimes?: Partial<Lifetimes>;
  env?: Record<string, string>;
  /** Rows of an upstream table instead of the one row for /api. */
  upstreams?: (upstreamUrl: string) => object[];
  /** What the gateway may exchange its users' tokens for. */
  exchangeAudiences?: string[];
};

const CLIENT = { clientId: "cloakroom", clientSecret: "a-client-secret-of-the-tests" };
const password = (username: string) => `${username}-demo-password`;

export async function startWorld({
  instances = 1,
  lifetimes = {},
  env = {},
  upstreams,
  exchangeAudiences,
}: Options = {}): Promise<World> {
  const received: Received[] = [];
  const upstream = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    received.push({ method, url, authorization: headers.authorization, cookie: headers.cookie });
    const [, payload = ""] = (headers.authorization ?? "").split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString() || "null") as { sub?: string } | null;
    const holdMs = Number(new URL(url, "http://upstream").searchParams.get("holdMs"));
    setTimeout(() => {
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ sub: claims?.sub ?? null, url }));
    }, holdMs);
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const redis = await startRedis();
  const provider = await startProvider({ port: 0, passwordCost: 1_024, lifetimes });
  const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const options = {
    issuer: provider.issuer,
    ...CLIENT,
    redisUrl: redis.url,
    env: { ...upstreamSettings(upstreamUrl, upstreams), ...env },
  };
  const gateways = [await startGateway(options)];
  const publicOrigin = gateways[0]!.config.publicOrigin;
  while (gateways.length < instances) gateways.push(await startGateway({ ...options, publicOrigin }));
  await provider.addClient({
    ...CLIENT,
    redirectUris: [`${publicOrigin}/bff/callback`],
    postLogoutRedirectUris: [`${publicOrigin}/`],
    backchannelLogoutUri: `${publicOrigin}/bff/backchannel-logout`,
    allowClientCredentials: true,
    ...(exchangeAudiences === undefined ? {} : { exchangeAudiences }),
  });
  return {
    redis,
    provider,
    gateways,
    gateway: gateways[0]!,
    received,
    browser: (username = "alice", at = gateways[0]!) => testBrowser(at.origin, atProvider(username), publicOrigin),
    async stop() {
      await Promise.all(gateways.map((gateway) => gateway.stop()));
      await provider.stop();
      await redis.stop();
      upstream.closeAllConnections();
      upstream.close();
    },
  };
}

function upstreamSettings(url: string, rows: Options["upstreams"]): Record<string, string> {
  if (rows === undefined) return { UPSTREAMS: `/api=${url}` };
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  writeFileSync(file, JSON.stringify(rows(url)));
  return { UPSTREAMS_FILE: file };
}

/** A person at the provider: logs in where a password is asked for, and comes back to the callback. */
export function atProvider(username: string): (authorizationUrl: string) => Promise<string> {
  const person = formBrowser({ stopAt: /\/bff\/callback/ });
  return async (authorizationUrl) => {
    const page = await person.open(authorizationUrl);
    if (page.status === 0) return page.url;
    return (await person.submit(page, { username, password: password(username) })).url;
  };
}

export async function userOf(browser: TestBrowser): Promise<string | undefined> {
  const response = await browser.fetch("/bff/user");
  const { user } = (await response.json()) as { user: { sub: string } | null };
  return user?.sub;
}
