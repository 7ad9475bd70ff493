// Test system: gateway instances with a real Redis, an OpenID Provider with refresh token rotation and reuse detection,
// and an upstream that records the requests it receives.
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { Lifetimes, ProviderHandle, ProviderOptions } from "@cloakroom/testing/provider/types.ts";
import { formBrowser } from "@cloakroom/testing/form-browser.ts";
import { testBrowser, type TestBrowser } from "./browser.ts";
import { startGateway, type TestGateway } from "./test-gateway.ts";
import { startRedis, type TestRedis } from "./test-redis.ts";

export type Received = {
  method: string;
  url: string;
  authorization: string | undefined;
  cookie: string | undefined;
  /** Empty if there was none. */
  dpop: string;
  headers: IncomingHttpHeaders;
};

export type TestSystem = {
  redis: TestRedis;
  provider: ProviderHandle;
  gateways: TestGateway[];
  gateway: TestGateway;
  /** The requests that the upstream received, oldest first. */
  received: Received[];
  /** Returns a browser that logs in as `username` (default `alice`) with the provider's login form. */
  browser(username?: string, at?: TestGateway): TestBrowser;
  stop(): Promise<void>;
};

type Options = {
  instances?: number;
  lifetimes?: Partial<Lifetimes>;
  env?: Record<string, string>;
  /** Rows for UPSTREAMS_FILE. Default: UPSTREAMS with one row for /api. */
  upstreams?: (upstreamUrl: string) => object[];
  /** The audiences that the gateway's client may request in a token exchange (RFC 8693). */
  exchangeAudiences?: string[];
  /** Registers the client for DPoP-bound tokens and switches OIDC_SENDER_CONSTRAINED=dpop on. */
  dpop?: { requireNonce: boolean };
  provider?: Pick<ProviderOptions, "opaqueResources" | "resourceScopes">;
};

const CLIENT = { clientId: "cloakroom", clientSecret: "a-client-secret-of-the-tests" };
const password = (username: string) => `${username}-demo-password`;

export async function startTestSystem({
  instances = 1,
  lifetimes = {},
  env = {},
  upstreams,
  exchangeAudiences,
  dpop,
  provider: providerOptions,
}: Options = {}): Promise<TestSystem> {
  const received: Received[] = [];
  const upstream = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    received.push({
      method,
      url,
      authorization: headers.authorization,
      cookie: headers.cookie,
      dpop: String(headers["dpop"] ?? ""),
      headers,
    });
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
  const provider = await startProvider({
    port: 0,
    passwordCost: 1_024,
    lifetimes,
    ...providerOptions,
    requireDpopNonce: dpop?.requireNonce ?? false,
  });
  const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const options = {
    issuer: provider.issuer,
    ...CLIENT,
    redisUrl: redis.url,
    env: {
      ...upstreamSettings(upstreamUrl, upstreams),
      ...(dpop === undefined ? {} : { OIDC_SENDER_CONSTRAINED: "dpop" }),
      ...env,
    },
  };
  const gateways = [await startGateway(options)];
  const publicOrigin = gateways[0]!.config.publicOrigin;
  while (gateways.length < instances) gateways.push(await startGateway({ ...options, publicOrigin }));
  await provider.addClient({
    ...CLIENT,
    redirectUris: [`${publicOrigin}/bff/callback`],
    postLogoutRedirectUris: [`${publicOrigin}/bff/logout/return`],
    backchannelLogoutUri: `${publicOrigin}/bff/backchannel-logout`,
    allowClientCredentials: true,
    dpopBoundAccessTokens: dpop !== undefined,
    ...(exchangeAudiences === undefined ? {} : { exchangeAudiences }),
  });
  return {
    redis,
    provider,
    gateways,
    gateway: gateways[0]!,
    received,
    browser: (username = "alice", at = gateways[0]!) => testBrowser(at.origin, loginAtProvider(username), publicOrigin),
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

/**
 * Logs `username` in at the provider. The provider's cookies are kept between calls, so that a later call needs no form.
 * @returns a function from an authorization URL to the URL of the callback
 */
export function loginAtProvider(username: string): (authorizationUrl: string) => Promise<string> {
  const browser = formBrowser({ stopAt: /\/bff\/callback/ });
  return async (authorizationUrl) => {
    const page = await browser.open(authorizationUrl);
    if (page.status === 0) return page.url;
    return (await browser.submit(page, { username, password: password(username) })).url;
  };
}

/** @returns the `sub` claim of the logged-in user, undefined for an anonymous browser */
export async function userOf(browser: TestBrowser): Promise<string | undefined> {
  const response = await browser.fetch("/bff/user");
  const { user } = (await response.json()) as { user: { sub: string } | null };
  return user?.sub;
}
