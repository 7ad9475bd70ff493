// Entry point @cloakroom/testing/playwright: `test` with a provider, a store and a gateway per worker, and fixtures that log in,
// let sessions end, take the provider down, and search for leaked tokens.
import "./require-node.ts";
import { test as base, expect, type BrowserContext, type Page } from "@playwright/test";
import type { Credentials } from "./client.ts";
import { createLeakWatch, type LeakWatch } from "./leaks/leak-watch.ts";
import { logIn } from "./playwright/log-in.ts";
import {
  contextOf,
  requireSession,
  waitForAccessTokenExpiry,
  waitForSessionEnd,
  type Target,
} from "./playwright/session-of.ts";
import type { ProviderControl } from "./provider/control.ts";
import type { UserInput } from "./provider/types.ts";
import {
  attachToSystem,
  startTestSystem,
  type AttachOptions,
  type TestSystem,
  type TestSystemOptions,
  type TestUser,
} from "./system.ts";

export { expect };
export type { AttachOptions, ProviderControl, Target, TestSystem, TestSystemOptions, TestUser };

export type LoginOptions = {
  /** Lifetime of the access tokens of this user, for `expireAccessToken`. */
  accessTokenSeconds?: number;
  /** Lifetime of the session from the login on, for `expireSession`. */
  sessionSeconds?: number;
};

export type CloakroomOptions = {
  /** What the worker starts, or the running system that it uses. */
  cloakroom: TestSystemOptions | { attach: AttachOptions };
  /** Searches the test's browser for leaks after each test. Default false. */
  checksLeaks: boolean;
};

export type CloakroomWorkerFixtures = {
  cloakroom: CloakroomOptions["cloakroom"];
  /** The system of this worker. */
  system: TestSystem;
};

export type CloakroomFixtures = {
  checksLeaks: boolean;
  /** A user of this test only. */
  user: TestUser;
  createUser: (input?: Partial<UserInput>) => Promise<TestUser>;
  /** Logs the browser in without its pages: an ordinary session, in milliseconds. A session that it has is replaced. */
  login: (target: Target, user: Credentials & { readonly sub?: string }, options?: LoginOptions) => Promise<void>;
  /** The provider. Faults are removed and outages end after the test. */
  provider: ProviderControl;
  /** Waits until the access token that the gateway holds for this browser has expired. */
  expireAccessToken: (target: Target) => Promise<void>;
  /** Waits until the session of this browser has ended by its limits. */
  expireSession: (target: Target) => Promise<void>;
  /** Ends the sessions of a user at the provider, which informs the gateway (back-channel logout). */
  revoke: (of: Target | { readonly sub: string }) => Promise<void>;
  /** The leak search. `watch` adds browser contexts that the test opens itself. */
  leaks: LeakWatch;
  /** Fails if the browser has seen a token. Name it among the fixtures of the test: recording begins with the test. */
  expectNoLeak: () => Promise<void>;
  gatewayLog: void;
};

export const test = base.extend<CloakroomFixtures, CloakroomWorkerFixtures>({
  cloakroom: [{}, { option: true, scope: "worker" }],
  checksLeaks: [false, { option: true }],
  system: [
    async ({ cloakroom, browserName }, use) => {
      const system = await ("attach" in cloakroom
        ? attachToSystem(cloakroom.attach)
        : startTestSystem(withBrowserSettings(cloakroom, browserName)));
      await use(system);
      await system.stop();
    },
    // Its own timeout: the start of a system does not count against the worker's first test.
    { scope: "worker", timeout: 60_000 },
  ],
  baseURL: async ({ system }, use) => use(system.origin),
  context: async ({ context, leaks, checksLeaks }, use) => {
    if (checksLeaks) leaks.watch(context);
    await use(context);
    if (checksLeaks) await leaks.expectNoLeak();
  },
  createUser: async ({ system }, use) => use((input) => system.createUser(input)),
  user: async ({ system }, use) => use(await system.createUser()),
  login: async ({ system }, use) => {
    await use(async (target, user, options = {}) => {
      if (user.sub !== undefined) await system.provider.setLifetimes(user.sub, options);
      else if (Object.keys(options).length > 0)
        throw new Error("Lifetimes need a user with `sub`, as createUser returns.");
      await logIn({ context: contextOf(target), origin: system.origin, user });
    });
  },
  provider: async ({ system }, use) => {
    await use(system.provider);
    await system.provider.restore();
    await system.provider.clearFaults();
  },
  expireAccessToken: async ({ system: { origin, provider } }, use) =>
    use((target) => waitForAccessTokenExpiry({ target, origin, provider })),
  expireSession: async ({ system: { origin } }, use) => use((target) => waitForSessionEnd({ target, origin })),
  revoke: async ({ system: { origin, provider } }, use) => {
    await use(async (of) => {
      const { sub } = isTarget(of) ? await requireSession(of, origin) : of;
      await provider.endSession(sub);
    });
  },
  leaks: async ({ system }, use) => {
    const { origin, provider, secrets, exchanges } = system;
    await use(createLeakWatch({ origin, provider, secrets, ...(exchanges === undefined ? {} : { exchanges }) }));
  },
  expectNoLeak: async ({ context, leaks, checksLeaks }, use) => {
    if (!checksLeaks) leaks.watch(context);
    await use(() => leaks.expectNoLeak());
  },
  gatewayLog: [
    async ({ system }, use, testInfo) => {
      const start = system.gateway?.output().length ?? 0;
      await use();
      const body = system.gateway?.output().slice(start);
      if (testInfo.status !== testInfo.expectedStatus && body !== undefined)
        await testInfo.attach("gateway.log", { body, contentType: "text/plain" });
    },
    { auto: true },
  ],
});

const isTarget = (of: Target | { readonly sub: string }): of is Page | BrowserContext => !("sub" in of);

/** WebKit stores no Secure cookies over http, not even on localhost. */
function withBrowserSettings(options: TestSystemOptions, browserName: string): TestSystemOptions {
  if (browserName !== "webkit" || options.config !== undefined) return options;
  return { ...options, env: { INSECURE_COOKIES: "loopback", ...options.env } };
}
