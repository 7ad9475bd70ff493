// Token exchange grant (RFC 8693): exchanges a user's access token for one with another audience.
import { calculateJwkThumbprint, createLocalJWKSet, EmbeddedJWK, jwtVerify, type JSONWebKeySet } from "jose";
import { errors, type JWK, type Provider, type TokenEndpointGrantContext } from "oidc-provider";
import { parseSpaceSeparated } from "./space-separated.ts";

export const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";

type TokenExchangeOptions = {
  issuer: string;
  keys: readonly JWK[];
  /** By client id; see `ProviderClient.exchangeAudiences`. */
  exchangeAudiences: ReadonlyMap<string, readonly string[]>;
  lifetimes: { accessTokenSeconds: number; exchangedTokenSeconds?: number };
};

type ExchangeParameters = Record<
  "subject_token" | "subject_token_type" | "audience" | "resource" | "scope",
  string | undefined
>;

export function registerTokenExchange(provider: Provider, options: TokenExchangeOptions): void {
  const jwks = createLocalJWKSet({
    keys: options.keys.map(({ kty, n, e, kid, alg }) => ({ kty, n, e, kid, alg })),
  } as JSONWebKeySet);

  const exchange = async (ctx: TokenEndpointGrantContext<ExchangeParameters>): Promise<void> => {
    const { client, params } = ctx.oidc;
    if (params.subject_token === undefined || params.subject_token_type !== ACCESS_TOKEN)
      throw new errors.InvalidRequest("subject_token must be an access token");
    const { payload } = await jwtVerify(params.subject_token, jwks, { issuer: options.issuer, typ: "at+jwt" }).catch(
      () => {
        throw new errors.InvalidRequest("invalid subject_token");
      },
    );
    if (payload["client_id"] !== client.clientId)
      throw new errors.InvalidRequest("the token was issued to another client");
    const thumbprint = await proofThumbprint(ctx.get("dpop"), (payload["cnf"] as { jkt?: string } | undefined)?.jkt);
    const granted = parseSpaceSeparated(payload["scope"]);
    const scopes = params.scope === undefined ? granted : parseSpaceSeparated(params.scope);
    if (!scopes.every((scope) => granted.includes(scope)))
      throw new errors.InvalidScope("exceeds the granted scope", "");
    const audience = allowedAudience(options, client.clientId, params.audience ?? params.resource);
    const lifetime = options.lifetimes.exchangedTokenSeconds ?? options.lifetimes.accessTokenSeconds;
    const token = new provider.AccessToken({
      ...{ accountId: payload.sub ?? "", client, scope: scopes.join(" ") },
      // Belongs to no grant, so that it is not revoked with one.
      ...{ grantId: "", gty: "token_exchange" },
      expiresIn: lifetime,
    });
    token.resourceServer = new provider.ResourceServer(audience ?? String(payload.aud), {
      scope: scopes.join(" "),
      audience: audience ?? String(payload.aud),
      accessTokenFormat: "jwt",
      accessTokenTTL: lifetime,
      jwt: { sign: { alg: "RS256" } },
    });
    if (thumbprint !== undefined) (token as { jkt?: string }).jkt = thumbprint;
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN,
      token_type: thumbprint === undefined ? "Bearer" : "DPoP",
      expires_in: token.expiration,
      scope: scopes.join(" "),
    };
  };
  const parameters = ["subject_token", "subject_token_type", "requested_token_type", "audience", "resource", "scope"];
  provider.registerGrantType<ExchangeParameters>(TOKEN_EXCHANGE, exchange, parameters);
}

/** @returns the thumbprint of the proof's key, which must be the key of the subject token; undefined without a proof */
async function proofThumbprint(proof: string, boundTo: string | undefined): Promise<string | undefined> {
  if (proof === "" && boundTo === undefined) return undefined;
  const { protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { typ: "dpop+jwt" }).catch(() => {
    throw new errors.InvalidDpopProof("the subject token is bound to a key");
  });
  const thumbprint = await calculateJwkThumbprint(protectedHeader.jwk ?? {});
  if (boundTo !== undefined && boundTo !== thumbprint) throw new errors.InvalidDpopProof("another key");
  return thumbprint;
}

function allowedAudience(
  { exchangeAudiences }: TokenExchangeOptions,
  clientId: string,
  audience: string | undefined,
): string | undefined {
  if (audience === undefined) return undefined;
  const allowed = exchangeAudiences.get(clientId) ?? [];
  if (allowed.includes(`!${audience}`)) throw new errors.AccessDenied("not allowed for this user");
  if (!allowed.includes(audience)) throw new errors.InvalidTarget("unknown audience");
  return audience;
}
