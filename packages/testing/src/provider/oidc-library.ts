// The oidc-provider library with our middleware. Its keys are fixed, so key rotation creates a new instance.
import type { RequestListener } from "node:http";
import type Koa from "koa";
import { type JWK, Provider } from "oidc-provider";
import { type ConfigurationOptions, createConfiguration } from "./configuration.ts";
import { idTokenFaults, type IdTokenFaultDependencies } from "./id-token-faults.ts";
import { interactions } from "./interactions.ts";
import { generateSigningKey, logoutTokenClaims, signJwt } from "./keys.ts";
import { assets } from "./page-headers.ts";
import { type TokenRecorderDependencies, recordTokens } from "./record-tokens.ts";
import { registerTokenExchange } from "./token-exchange.ts";
import type { ProviderHandle } from "./types.ts";
import { userinfo } from "./userinfo.ts";

export type LibraryDependencies = Omit<ConfigurationOptions, "consentedScopes" | "keys"> &
  TokenRecorderDependencies &
  Pick<IdTokenFaultDependencies, "idTokenFaultOf"> & {
    issuer: string;
    exchangeAudiences: ReadonlyMap<string, readonly string[]>;
  };

type OidcLibrary = Pick<ProviderHandle, "rotateKeys" | "logoutToken" | "sign"> & {
  handler: RequestListener;
  provider: () => Provider;
};

export function createOidcLibrary(dependencies: LibraryDependencies, initialKeys: readonly JWK[]): OidcLibrary {
  const { issuer, issued } = dependencies;
  const consents = new Map<string, readonly string[]>();
  let keys = initialKeys;
  let { provider, handler } = createInstance(dependencies, keys, consents);
  const sign = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
    signJwt(keys[0] ?? {}, claims, header);
  return {
    handler: (req, res) => handler(req, res),
    provider: () => provider,
    sign,
    logoutToken: async (claims, header) => {
      const token = await sign(logoutTokenClaims(issuer, claims), { typ: "logout+jwt", ...header });
      issued.logoutTokens.push(token);
      return token;
    },
    rotateKeys: async ({ dropOld = false } = {}) => {
      keys = [await generateSigningKey(), ...(dropOld ? [] : keys)];
      ({ provider, handler } = createInstance(dependencies, keys, consents));
    },
  };
}

type Instance = { provider: Provider; handler: RequestListener };

function createInstance(
  dependencies: LibraryDependencies,
  keys: readonly JWK[],
  consents: Map<string, readonly string[]>,
): Instance {
  const options = { ...dependencies, keys };
  const provider = new Provider(
    options.issuer,
    createConfiguration({
      ...options,
      consentedScopes: (sub, clientId) => consents.get(`${sub} ${clientId}`) ?? [],
    }),
  );
  // Behind a TLS proxy, X-Forwarded-Proto determines the scheme of the endpoint URLs.
  (provider as Koa).proxy = options.issuer.startsWith("https:");
  registerTokenExchange(provider, options);
  provider.use(assets());
  provider.use(recordTokens(options));
  provider.use(
    idTokenFaults({
      idTokenFaultOf: options.idTokenFaultOf,
      sign: (claims, header) => signJwt(keys[0] ?? {}, claims, header),
    }),
  );
  provider.use(userinfo(options));
  provider.use(
    interactions({
      ...options,
      provider,
      rememberConsent: (sub, clientId, scopes) => void consents.set(`${sub} ${clientId}`, scopes),
    }),
  );
  provider.on("end_session.success", (ctx) => {
    const endsSession = ctx.oidc.params?.["logout"] !== undefined;
    const { session, client } = ctx.oidc;
    if (session !== undefined)
      options.storage.revokeSessionTokens(session.uid, endsSession ? undefined : client?.clientId);
  });
  // Without a listener Koa logs every error.
  (provider as Koa).on("error", () => undefined);
  const handleRequest = provider.callback();
  return { provider, handler: (req, res) => void handleRequest(req, res) };
}
