// Starts an OpenID Provider on loopback: the demo's login, and every test's provider with its faults and counters.
import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import { listen } from "../listener.ts";
import { counters as newCounters, type Counters } from "./counters.ts";
import { faultyHandler } from "./faults.ts";
import { newSigningKey } from "./keys.ts";
import { libraryBuilder, type LibraryParts } from "./library.ts";
import { endSessionsOf, toClientMetadata } from "./registration.ts";
import { runLibrary } from "./run-library.ts";
import { providerStorage } from "./storage.ts";
import type { IssuedTokens, Lifetimes, ProviderHandle, ProviderOptions } from "./types.ts";
import { DEFAULT_PASSWORD_COST, DEMO_USERS, userDirectory, type UserDirectory } from "./users.ts";

const DEFAULT_LIFETIMES: Lifetimes = {
  accessTokenSeconds: 60,
  refreshTokenSeconds: 8 * 3600,
  sessionSeconds: 8 * 3600,
  codeSeconds: 60,
};

export async function startProvider(options: ProviderOptions = {}): Promise<ProviderHandle> {
  const host = options.host ?? "127.0.0.1";
  const counters = newCounters();
  const users = userDirectory(options.passwordCost ?? DEFAULT_PASSWORD_COST);
  for (const user of options.users ?? DEMO_USERS) await users.add(user);
  const keys = options.keys ?? [await newSigningKey()];
  const { faults, wrap } = faultyHandler(counters);
  let handler: RequestListener = (_req, res) => void res.writeHead(503).end();
  const listener = await listen(
    wrap((req, res) => handler(req, res)),
    { host, port: options.port ?? 4000 },
  );
  const parts = libraryParts({ options, counters, users, issuer: options.issuer ?? `http://${host}:${listener.port}` });
  const { storage, issued, issuer, resource, lifetimes, exchangeAudiences } = parts;
  const running = runLibrary({ keys, build: libraryBuilder(parts), issuer, issued });
  handler = running.handler;

  const handle: ProviderHandle = {
    ...{ issuer, port: listener.port, resource, lifetimes, faults },
    addClient: async (client) => {
      issued.clientSecrets.push(client.clientSecret);
      exchangeAudiences.set(client.clientId, client.exchangeAudiences ?? []);
      await storage.adapter("Client").upsert(client.clientId, toClientMetadata(client));
      await running.provider().Client.find(client.clientId);
    },
    addUser: users.add,
    user: users.byName,
    count: counters.count,
    resetCounts: counters.reset,
    issuedTokens: () => issued,
    rotateKeys: running.rotateKeys,
    endSession: (sub) =>
      endSessionsOf({
        ...{ sub, provider: running.provider(), storage },
        onUndelivered: () => counters.add("backchannel-logout-undelivered"),
      }),
    logoutToken: running.logoutToken,
    sign: running.sign,
    down: listener.down,
    up: listener.up,
    stop: listener.down,
  };
  for (const client of options.clients ?? []) await handle.addClient(client);
  return handle;
}

type Parts = { options: ProviderOptions; counters: Counters; users: UserDirectory; issuer: string };

function libraryParts({ options, counters, users, issuer }: Parts): Omit<LibraryParts, "keys" | "exchangeAudiences"> & {
  exchangeAudiences: Map<string, readonly string[]>;
} {
  const issued = noTokens();
  const onReuse = () => counters.add("refresh-token-reuse");
  return {
    ...{ issuer, users, counters, issued, onReuse },
    resource: options.resource ?? "http://localhost:8000",
    lifetimes: { ...DEFAULT_LIFETIMES, ...options.lifetimes },
    storage: providerStorage(onReuse),
    exchangeAudiences: new Map(),
    cookieKeys: [randomBytes(32).toString("base64url")],
    skipConsent: options.skipConsent ?? true,
    fetch: (url, init) => {
      const token = init?.body instanceof URLSearchParams ? init.body.get("logout_token") : null;
      if (token !== null) issued.logoutTokens.push(token);
      counters.add("backchannel-logout");
      return fetch(url, init);
    },
  };
}

function noTokens(): IssuedTokens {
  return { accessTokens: [], refreshTokens: [], idTokens: [], logoutTokens: [], codes: [], clientSecrets: [] };
}
