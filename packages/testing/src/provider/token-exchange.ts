// Token exchange (RFC 8693), which the library leaves to its users: a user's access token for one of another audience.
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from "jose";
import { errors, type JWK, type Provider, type TokenEndpointGrantContext } from "oidc-provider";
import { words } from "./words.ts";

export const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";

type Parts = {
  issuer: string;
  keys: readonly JWK[];
  /** Audiences that a client may exchange its users' tokens for; "!name": known, but refused to its users. */
  exchangeAudiences: ReadonlyMap<string, readonly string[]>;
  lifetimes: { accessTokenSeconds: number; exchangedTokenSeconds?: number };
};

type ExchangeParameters = Record<
  "subject_token" | "subject_token_type" | "audience" | "resource" | "scope",
  string | undefined
>;

export function offerTokenExchange(provider: Provider, parts: Parts): void {
  const jwks = createLocalJWKSet({
    keys: parts.keys.map(({ kty, n, e, kid, alg }) => ({ kty, n, e, kid, alg })),
  } as JSONWebKeySet);

  const exchange = async (ctx: TokenEndpointGrantContext<ExchangeParameters>): Promise<void> => {
    const { client, params } = ctx.oidc;
    if (params.subject_token === undefined || params.subject_token_type !== ACCESS_TOKEN)
      throw new errors.InvalidRequest("an access token must be given as subject_token");
    const { payload } = await jwtVerify(params.subject_token, jwks, { issuer: parts.issuer, typ: "at+jwt" }).catch(
      () => {
        throw new errors.InvalidRequest("invalid subject_token");
      },
    );
    if (payload["client_id"] !== client.clientId) throw new errors.InvalidRequest("the token is another client's");
    const granted = words(payload["scope"]);
    const scopes = params.scope === undefined ? granted : words(params.scope);
    if (!scopes.every((scope) => granted.includes(scope))) throw new errors.InvalidScope("more than was granted", "");
    const audience = allowedAudience(parts, client.clientId, params.audience ?? params.resource);
    const lifetime = parts.lifetimes.exchangedTokenSeconds ?? parts.lifetimes.accessTokenSeconds;
    const token = new provider.AccessToken({
      ...{ accountId: payload.sub ?? "", client, scope: scopes.join(" ") },
      // Of no grant: nothing revokes it but its own short life.
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
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN,
      token_type: "Bearer",
      expires_in: token.expiration,
      scope: scopes.join(" "),
    };
  };
  const parameters = ["subject_token", "subject_token_type", "requested_token_type", "audience", "resource", "scope"];
  provider.registerGrantType<ExchangeParameters>(TOKEN_EXCHANGE, exchange, parameters);
}

function allowedAudience(
  { exchangeAudiences }: Parts,
  clientId: string,
  audience: string | undefined,
): string | undefined {
  if (audience === undefined) return undefined;
  const allowed = exchangeAudiences.get(clientId) ?? [];
  if (allowed.includes(`!${audience}`)) throw new errors.AccessDenied("this user may not");
  if (!allowed.includes(audience)) throw new errors.InvalidTarget("unknown audience");
  return audience;
}
