// Two applications on one Redis and one provider, each with its own gateway and client.
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { ProviderHandle } from "@cloakroom/testing/provider/types.ts";
import { testBrowser, type TestBrowser } from "./browser.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startApplications, testHost } from "./test-applications.ts";
import { startGateway, testEnvironment, type TestGateway } from "./test-gateway.ts";
import { startRedis } from "./test-redis.ts";
import { loginAtProvider } from "./system.ts";

export type TestUser = { username: string; sub: string };

export type TwoApplications = {
  shop: TestGateway;
  other: TestGateway;
  provider: ProviderHandle;
  redisUrl: string;
  isOneProcess: boolean;
  clientIds: { shop: string; other: string };
  /** Environment of the sessions command for one application. */
  settingsOf(gateway: TestGateway): Record<string, string>;
  newUser(): Promise<TestUser>;
  login(user: TestUser, at: TestGateway): Promise<TestBrowser>;
  /** Number of requests that the shared API received. */
  forwarded(): number;
  stop(): Promise<void>;
};

type Options = {
  keys: "equal" | "different";
  /** `one`: both in one gateway. Needs equal keys. */
  processes?: "one" | "two";
  /** Default: derived from the settings. */
  ids?: { shop: string; other: string };
};

const SECRET = "a-client-secret-of-the-tests";
const newKey = () => randomBytes(32).toString("base64url");

export async function startTwoApplications({ keys, ids, processes = "two" }: Options): Promise<TwoApplications> {
  let forwarded = 0;
  const api = createServer((_request, response) => {
    forwarded += 1;
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await once(api, "listening");
  const redis = await startRedis();
  const provider = await startProvider({ port: 0, passwordCost: 1_024 });
  const clientIds = { shop: "shop", other: "shop-2" };
  const key = newKey();
  const settings = new Map<TestGateway, Record<string, string>>();
  const optionsOf = (name: "shop" | "other") => ({
    ...{ issuer: provider.issuer, redisUrl: redis.url, clientId: clientIds[name], clientSecret: SECRET },
    env: {
      APP_ID: ids?.[name] ?? "",
      SECRET_KEYS: keys === "equal" ? key : newKey(),
      SESSIONS_PER_USER: "2",
      UPSTREAMS: `/api=http://127.0.0.1:${(api.address() as AddressInfo).port}`,
    },
  });
  const startInOneProcess = async (): Promise<TestGateway[]> => {
    const port = await freePort();
    const environments = (["shop", "other"] as const).map((name, index) =>
      testEnvironment({ ...optionsOf(name), publicOrigin: `http://${testHost(index)}:${port}` }, port),
    );
    const process = await startApplications(...environments);
    return process.gateway.applications().map(({ config }) => process.application(config.application.id));
  };
  const register = async (gateway: TestGateway, name: "shop" | "other"): Promise<TestGateway> => {
    const { publicOrigin } = gateway.config;
    const { clientId, clientSecret, env } = optionsOf(name);
    const client = { clientId, clientSecret };
    await provider.addClient({
      ...client,
      redirectUris: [`${publicOrigin}/bff/callback`],
      postLogoutRedirectUris: [`${publicOrigin}/bff/logout/return`],
      // No back-channel logout URI: the tests send the logout tokens.
    });
    settings.set(gateway, {
      ...{
        ...env,
        SECRET_KEYS: keysOf(gateway),
        PUBLIC_ORIGIN: publicOrigin,
        OIDC_ISSUER: provider.issuer,
        OIDC_CLIENT_ID: clientIds[name],
      },
      ...{ OIDC_CLIENT_SECRET: SECRET, REDIS_URL: redis.url },
    });
    return gateway;
  };
  const [first, second] =
    processes === "one"
      ? await startInOneProcess()
      : [await startGateway(optionsOf("shop")), await startGateway(optionsOf("other"))];
  if (first === undefined || second === undefined) throw new Error("two applications were configured");
  const [shop, other] = [await register(first, "shop"), await register(second, "other")];
  return {
    ...{ shop, other, provider, clientIds, redisUrl: redis.url, isOneProcess: processes === "one" },
    settingsOf: (gateway) => settings.get(gateway)!,
    async newUser() {
      const username = `user-${randomUUID()}`;
      const { sub } = await provider.addUser({ username, password: `${username}-demo-password` });
      return { username, sub };
    },
    async login({ username }, at) {
      const browser = testBrowser(at.origin, loginAtProvider(username), at.config.publicOrigin);
      const { status } = await browser.login();
      if (status !== 303) throw new Error(`${username} could not log in: ${status}`);
      return browser;
    },
    forwarded: () => forwarded,
    async stop() {
      await Promise.all([shop.stop(), other.stop()]);
      await provider.stop();
      await redis.stop();
      api.closeAllConnections();
      api.close();
    },
  };
}

const keysOf = ({ config }: TestGateway) =>
  config.secretKeys.map((bytes) => Buffer.from(bytes).toString("base64url")).join(",");

/** @returns a browser of another application with a copy of the cookies of `browser` */
export function withCookiesOf(browser: TestBrowser, at: TestGateway): TestBrowser {
  const thief = testBrowser(at.origin, undefined, at.config.publicOrigin);
  for (const [name, value] of browser.cookies) thief.cookies.set(name, value);
  return thief;
}
