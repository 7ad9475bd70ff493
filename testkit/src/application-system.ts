// Test system of several applications in one gateway: one Redis, one provider, and an upstream of each application.
import { randomUUID } from "node:crypto";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { Lifetimes, ProviderHandle } from "@cloakroom/testing/provider/types.ts";
import { testBrowser, type TestBrowser } from "./browser.ts";
import { loginAtProvider } from "./system.ts";
import { startApplications, testHost, type TestApplications } from "./test-applications.ts";
import { testEnvironment } from "./test-gateway.ts";
import { startRedis, type TestRedis } from "./test-redis.ts";
import type { TestUser } from "./two-applications.ts";

export type ApplicationSystem = TestApplications & {
  redis: TestRedis;
  provider: ProviderHandle;
  /** Environment of the application with this id, for `apply`. */
  environmentOf(id: string): Record<string, string>;
  publicOriginOf(id: string): string;
  newUser(): Promise<TestUser>;
  browser(id: string, user?: TestUser): TestBrowser;
  login(id: string, user: TestUser): Promise<TestBrowser>;
};

type ApplicationOptions = {
  id: string;
  /** Default: its id. Two applications may share one registration. */
  clientId?: string;
  env?: Record<string, string>;
};

const SECRET = "a-client-secret-of-the-tests";

/** Host names are assigned in the order of `applications`. */
export async function startApplicationSystem(
  applications: readonly ApplicationOptions[],
  { env = {}, lifetimes = {} }: { env?: Record<string, string>; lifetimes?: Partial<Lifetimes> } = {},
): Promise<ApplicationSystem> {
  const [port, redis] = [await freePort(), await startRedis()];
  const provider = await startProvider({ port: 0, passwordCost: 1_024, lifetimes });
  const environments = new Map<string, Record<string, string>>();
  const origins = new Map<string, string>();
  for (const [index, { id, clientId = id, env: own = {} }] of applications.entries()) {
    const publicOrigin = `http://${testHost(index)}:${port}`;
    const options = { issuer: provider.issuer, clientId, clientSecret: SECRET, redisUrl: redis.url, publicOrigin };
    environments.set(id, testEnvironment({ ...options, env: { APP_ID: id, ...env, ...own } }, port));
    origins.set(id, publicOrigin);
  }
  const clientIds = new Set(applications.map(({ id, clientId = id }) => clientId));
  for (const clientId of clientIds) {
    const ofClient = applications
      .filter((each) => (each.clientId ?? each.id) === clientId)
      .map(({ id }) => origins.get(id));
    await provider.addClient({
      ...{ clientId, clientSecret: SECRET },
      redirectUris: ofClient.map((origin) => `${origin}/bff/callback`),
      postLogoutRedirectUris: ofClient.map((origin) => `${origin}/bff/logout/return`),
      // With it the provider names its sessions in ID tokens (`sid`).
      backchannelLogoutUri: `${ofClient[0]}/bff/backchannel-logout`,
    });
  }
  const process = await startApplications(...environments.values());
  const publicOriginOf = (id: string) => origins.get(id)!;
  const browser = (id: string, user?: TestUser) =>
    testBrowser(process.origin, user && loginAtProvider(user.username), publicOriginOf(id));
  return {
    ...process,
    ...{ redis, provider, publicOriginOf, browser },
    environmentOf: (id) => environments.get(id)!,
    async newUser() {
      const username = `user-${randomUUID()}`;
      const { sub } = await provider.addUser({ username, password: `${username}-demo-password` });
      return { username, sub };
    },
    async login(id, user) {
      const own = browser(id, user);
      const { status } = await own.login();
      if (status !== 303) throw new Error(`${user.username} could not log in at ${id}: ${status}`);
      return own;
    },
    async stop() {
      await process.stop();
      await provider.stop();
      await redis.stop();
    },
  };
}
