// Embedded OpenID Provider for the demo and for tests, with fault injection and counters. Listens on loopback.
import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import { listen } from "../listener.ts";
import { createCounters, type Counters } from "./counters.ts";
import { createFaultInjection } from "./faults.ts";
import { generateSigningKey } from "./keys.ts";
import { createOidcLibrary, type LibraryDependencies } from "./oidc-library.ts";
import { endUserSessions, toClientMetadata } from "./registration.ts";
import { createProviderStorage } from "./storage.ts";
import type { IssuedTokens, Lifetimes, ProviderHandle, ProviderOptions, UserLifetimes } from "./types.ts";
import { DEFAULT_PASSWORD_COST, DEMO_USERS, createUserDirectory, type UserDirectory } from "./users.ts";

const DEFAULT_LIFETIMES: Lifetimes = {
  accessTokenSeconds: 60,
  refreshTokenSeconds: 8 * 3600,
  sessionSeconds: 8 * 3600,
  codeSeconds: 60,
};

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "::1"]);

/** @throws Error for a host that is not loopback, or of the listener */
export async function startProvider(options: ProviderOptions = {}): Promise<ProviderHandle> {
  const host = options.host ?? "127.0.0.1";
  if (!LOOPBACK.has(host)) throw new Error(`The provider for tests listens on loopback only, not on ${host}.`);
  const counters = createCounters();
  const users = createUserDirectory(options.passwordCost ?? DEFAULT_PASSWORD_COST);
  for (const user of options.users ?? DEMO_USERS) await users.add(user);
  const keys = options.keys ?? [await generateSigningKey()];
  const { faults, wrap, idTokenFaultOf } = createFaultInjection(counters);
  let handler: RequestListener = (_req, res) => void res.writeHead(503).end();
  const listener = await listen(
    wrap((req, res) => handler(req, res)),
    { host, port: options.port ?? 4000 },
  );
  const dependencies = createDependencies({
    options,
    counters,
    users,
    idTokenFaultOf,
    issuer: options.issuer ?? `http://${host}:${listener.port}`,
  });
  const { storage, issued, issuer, resource, lifetimes, userLifetimes, exchangeAudiences } = dependencies;
  const library = createOidcLibrary(dependencies, keys);
  handler = library.handler;

  const handle: ProviderHandle = {
    ...{ issuer, port: listener.port, resource, lifetimes, faults },
    addClient: async (client) => {
      issued.clientSecrets.push(client.clientSecret);
      exchangeAudiences.set(client.clientId, client.exchangeAudiences ?? []);
      await storage.adapter("Client").upsert(client.clientId, toClientMetadata(client));
      await library.provider().Client.find(client.clientId);
    },
    addUser: users.add,
    setLifetimes: (sub, changed) => void userLifetimes.set(sub, changed),
    user: users.byName,
    count: counters.count,
    resetCounts: counters.reset,
    issuedTokens: () => issued,
    rotateKeys: library.rotateKeys,
    endSession: (sub, { notifyClients = true } = {}) =>
      endUserSessions({
        ...{ sub, provider: library.provider(), storage, notifyClients },
        onDeliveryFailed: () => counters.add("backchannel-logout-undelivered"),
      }),
    logoutToken: library.logoutToken,
    sign: library.sign,
    down: listener.down,
    up: listener.up,
    stop: listener.down,
  };
  for (const client of options.clients ?? []) await handle.addClient(client);
  return handle;
}

type DependencyOptions = {
  options: ProviderOptions;
  counters: Counters;
  users: UserDirectory;
  issuer: string;
  idTokenFaultOf: LibraryDependencies["idTokenFaultOf"];
};

type Dependencies = Omit<LibraryDependencies, "exchangeAudiences"> & {
  exchangeAudiences: Map<string, readonly string[]>;
  /** By subject. */
  userLifetimes: Map<string, UserLifetimes>;
};

function createDependencies({ options, counters, users, issuer, idTokenFaultOf }: DependencyOptions): Dependencies {
  const lifetimes = { ...DEFAULT_LIFETIMES, ...options.lifetimes };
  const userLifetimes = new Map<string, UserLifetimes>();
  const issued = emptyTokenLists();
  const onReuse = () => counters.add("refresh-token-reuse");
  return {
    ...{ issuer, users, counters, issued, onReuse, idTokenFaultOf, lifetimes, userLifetimes },
    lifetimesOf: (sub = "") => {
      const own = userLifetimes.get(sub);
      return own === undefined ? lifetimes : { ...lifetimes, ...own };
    },
    resource: options.resource ?? "http://localhost:8000",
    opaqueResources: options.opaqueResources ?? [],
    resourceScopes: options.resourceScopes ?? [],
    storage: createProviderStorage(onReuse),
    exchangeAudiences: new Map(),
    cookieKeys: [randomBytes(32).toString("base64url")],
    skipConsent: options.skipConsent ?? true,
    requireDpopNonce: options.requireDpopNonce ?? false,
    dpopNonceSecret: randomBytes(32),
    fetch: (url, init) => {
      const token = init?.body instanceof URLSearchParams ? init.body.get("logout_token") : null;
      if (token !== null) issued.logoutTokens.push(token);
      counters.add("backchannel-logout");
      return fetch(url, init);
    },
  };
}

function emptyTokenLists(): IssuedTokens {
  return { accessTokens: [], refreshTokens: [], idTokens: [], logoutTokens: [], codes: [], clientSecrets: [] };
}
