// OpenID Provider that violates the protocol in one chosen point. Correct behaviour is tested with the embedded provider.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";

import { createAuthorizationRequestLog, type AuthorizationRequestLog } from "./authorization-requests.ts";

type MaybeAsync<T> = T | Promise<T>;
type Claims = Record<string, unknown>;
type Header = { alg: string; kid?: string; typ?: string } & Record<string, unknown>;

export type Overrides = {
  /** Changes the claims of the ID token; `undefined` removes one. */
  claims?: (original: Claims) => Claims;
  header?: (original: Header) => Header;
  /** Changes the signed token. */
  idToken?: (original: string) => string;
  /** Signs with an unpublished key under the kid of the published one. */
  foreignKey?: boolean;
  /** Changes the query of the authorization response. */
  authorizationResponse?: (original: Claims) => Claims;
  /** Changes the signed authorization response (JARM): its claims, its header, the token, the redirect's query. */
  signedResponse?: {
    claims?: (original: Claims) => Claims;
    header?: (original: Header) => Header;
    jwt?: (original: string) => string;
    foreignKey?: boolean;
    query?: (original: Claims) => Claims;
  };
  metadata?: (original: Claims) => Claims;
  token?: (original: Claims) => Claims;
  /** Changes the published keys. */
  jwks?: (original: JWK[]) => JWK[];
  /** Error response of the token endpoint to a client credentials request. */
  clientToken?: { status: number; error: string };
  /** Sends the response itself. @returns false to let the provider respond */
  raw?: (pathname: string, response: ServerResponse, request: IncomingMessage) => boolean;
  /** Changes the response of the token endpoint before it is sent, or sends it. @returns whether it has been sent */
  tokenResponse?: (response: ServerResponse, request: TokenRequest) => boolean;
  /**
   * Changes the userinfo claims. Claims are sent as JSON, a text as a JWT; undefined: `raw` has already responded.
   * The endpoint is published with the option `userinfo` only.
   */
  userinfo?: (
    original: Claims,
    request: IncomingMessage,
    response: ServerResponse,
  ) => MaybeAsync<Claims | string | undefined>;
  /** Moves endpoints: path of a request → path of the endpoint that handles it. */
  route?: (pathname: string) => string;
  /** Rotates the keys right before signing. */
  rotateBeforeSigning?: boolean;
};

export type TokenRequest = {
  body: URLSearchParams;
  authorization: string | undefined;
  /** The DPoP proof. */
  dpop: string | undefined;
};

export type ProviderRequest = {
  path: string;
  headers: IncomingMessage["headers"];
  body: URLSearchParams;
  /** SHA-256 fingerprint of the client's certificate. */
  certificate: string | undefined;
};

export type HostileProvider = {
  issuer: string;
  clientId: string;
  clientSecret: string;
  overrides: Overrides;
  /** Authorization requests so far. `/pushed` is served always, and advertised only if `overrides.metadata` says so. */
  requests: AuthorizationRequestLog;
  /** All POST requests, oldest first. */
  posts: ProviderRequest[];
  counts: { authorize: number; token: number; jwks: number; userinfo: number; trap: number; par: number };
  lastTokenRequest(): TokenRequest;
  /** Signs with the published key; `undefined` removes a claim. */
  sign(claims: Claims, header?: Partial<Header>, key?: CryptoKey): Promise<string>;
  logoutToken(claims?: Claims, header?: Partial<Header>, key?: CryptoKey): Promise<string>;
  rotate(): Promise<void>;
  /** A further published key with an algorithm that the gateway rejects. */
  es256: { privateKey: CryptoKey; kid: string };
  stop(): Promise<void>;
};

type Key = { privateKey: CryptoKey; publicKey: CryptoKey; kid: string; alg: string };
const newKey = async (kid: string, alg: string): Promise<Key> => ({
  ...(await generateKeyPair(alg, { extractable: true })),
  kid,
  alg,
});
const publicJwk = async ({ publicKey, kid, alg }: Key): Promise<JWK> => ({
  ...(await exportJWK(publicKey)),
  ...{ kid, alg, use: "sig" },
});

type Options = {
  /** Path of the issuer, like a realm of Keycloak; may end with a slash. */
  path?: string;
  /** Further paths of the endpoints, below the origin: path → path of this provider, such as `/oauth2/token` → `/token`. */
  paths?: Readonly<Record<string, string>>;
  /** Signature algorithm. */
  alg?: string;
  /** Publishes a userinfo endpoint. */
  userinfo?: boolean;
  /** The provider listens with TLS. */
  tls?: ServerOptions;
  /** Handles requests to other paths of the same origin. */
  beside?: (request: IncomingMessage, response: ServerResponse) => void;
};

export async function startHostileProvider({
  path = "",
  paths = {},
  alg = "RS256",
  userinfo = false,
  beside,
  tls,
}: Options = {}): Promise<HostileProvider> {
  let generation = 1;
  let key = await newKey("key-1", alg);
  const foreign = await newKey("foreign", alg);
  const other = alg === "RS256" ? await newKey("es256", "ES256") : await newKey("rs256", "RS256");
  const requests = new Map<string, URLSearchParams>();
  const log = createAuthorizationRequestLog();
  const counts = { authorize: 0, token: 0, jwks: 0, userinfo: 0, trap: 0, par: 0 };
  let last: TokenRequest = { body: new URLSearchParams(), authorization: undefined, dpop: undefined };
  const posts: ProviderRequest[] = [];
  const handle = (req: IncomingMessage, res: ServerResponse): void => void respond(req, res);
  const server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const provider: HostileProvider = {
    issuer,
    clientId: "cloakroom-test",
    clientSecret: "a-client-secret-for-tests",
    overrides: {},
    counts,
    requests: log,
    posts,
    lastTokenRequest: () => last,
    es256: other,
    rotate: async () => {
      key = await newKey(`key-${++generation}`, alg);
    },
    sign: (claims, header = {}, signer = key.privateKey) => sign(claims, { alg, kid: key.kid, ...header }, signer),
    async logoutToken(claims = {}, header = {}, signer = key.privateKey) {
      const now = Math.floor(Date.now() / 1000);
      const original = {
        iss: issuer,
        aud: "cloakroom-test",
        iat: now,
        exp: now + 120,
        jti: crypto.randomUUID(),
        sid: "provider-sid",
        events: { "http://schemas.openid.net/event/backchannel-logout": {} },
        ignored_claim: "ignored",
      };
      return sign({ ...original, ...claims }, { alg: key.alg, kid: key.kid, typ: "logout+jwt", ...header }, signer);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return provider;

  async function respond(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? "/", issuer);
    const json = (value: unknown) => res.setHeader("content-type", "application/json").end(JSON.stringify(value));
    const prefix = path.replace(/\/$/, "");
    const requested =
      paths[url.pathname] ?? (url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : url.pathname);
    const pathname = provider.overrides.route?.(requested) ?? requested;
    // Other requests are handled by `beside`, which reads their bodies.
    const isOwn = beside === undefined || ["/token", "/pushed"].includes(pathname);
    const body = new URLSearchParams(req.method === "POST" && isOwn ? await text(req) : "");
    const certificate = (req.socket as Partial<TLSSocket>).getPeerCertificate?.()?.fingerprint256;
    if (req.method === "POST") posts.push({ path: pathname, headers: req.headers, body, certificate });
    if (provider.overrides.raw?.(pathname, res, req) === true) return;
    if (pathname === "/.well-known/openid-configuration")
      return void json(
        apply(provider.overrides.metadata, {
          ...metadata(issuer, alg),
          ...(userinfo ? { userinfo_endpoint: `${issuer}/userinfo` } : {}),
        }),
      );
    if (pathname === "/jwks") {
      counts.jwks += 1;
      const published = await publicJwk(key);
      return void json({ keys: provider.overrides.jwks?.([published]) ?? [published, await publicJwk(other)] });
    }
    if (pathname === "/pushed") {
      counts.par += 1;
      const pushed = { parameters: body, authorization: req.headers.authorization };
      res.statusCode = 201;
      return void json({ request_uri: log.push(pushed), expires_in: 60 });
    }
    if (pathname === "/authorize") {
      counts.authorize += 1;
      const code = crypto.randomUUID();
      const parameters = log.resolve(url.searchParams);
      requests.set(code, parameters);
      const original = { code, state: parameters.get("state"), iss: issuer };
      const response = withoutUndefined(apply(provider.overrides.authorizationResponse, original));
      const isSigned = parameters.get("response_mode")?.endsWith("jwt") === true;
      const query = new URLSearchParams(
        (isSigned ? await signedResponse(response) : response) as Record<string, string>,
      );
      return void res.writeHead(303, { location: `${parameters.get("redirect_uri")}?${query.toString()}` }).end();
    }
    if (pathname === "/token") {
      counts.token += 1;
      const { authorization, dpop } = req.headers;
      last = { body, authorization, dpop: typeof dpop === "string" ? dpop : undefined };
      if (provider.overrides.tokenResponse?.(res, last) === true) return;
      if (last.body.get("grant_type") === "client_credentials") {
        const { status, error } = provider.overrides.clientToken ?? { status: 200 };
        res.statusCode = status;
        const token = { access_token: `of-${last.authorization ?? ""}`, token_type: "Bearer", expires_in: 60 };
        return void json(error === undefined ? withoutUndefined(apply(provider.overrides.token, token)) : { error });
      }
      return void json(withoutUndefined(apply(provider.overrides.token, await tokens(last.body))));
    }
    if (pathname === "/userinfo") {
      counts.userinfo += 1;
      const claims = (await provider.overrides.userinfo?.({ sub: "alice" }, req, res)) ?? { sub: "alice" };
      if (res.writableEnded || res.destroyed) return;
      if (typeof claims === "string") return void res.setHeader("content-type", "application/jwt").end(claims);
      return void json(claims);
    }
    if (beside !== undefined) return beside(req, res);
    counts.trap += 1;
    res.writeHead(404).end();
  }

  /** JARM §2.3.1. */
  async function signedResponse(response: Claims): Promise<Claims> {
    const overrides = provider.overrides.signedResponse ?? {};
    const exp = Math.floor(Date.now() / 1000) + 300;
    const claims = apply(overrides.claims, { ...response, iss: issuer, aud: "cloakroom-test", exp });
    const header = apply(overrides.header, { alg: key.alg, kid: key.kid } as Header);
    const jwt = await sign(claims, header, signerOf(header, overrides.foreignKey));
    return apply(overrides.query, { response: overrides.jwt?.(jwt) ?? jwt });
  }

  function signerOf(header: Header, isForeign: boolean | undefined): CryptoKey {
    if (isForeign === true) return foreign.privateKey;
    return header.alg === other.alg ? other.privateKey : key.privateKey;
  }

  async function tokens(body: URLSearchParams): Promise<Claims> {
    if (provider.overrides.rotateBeforeSigning === true) await provider.rotate();
    const request = requests.get(body.get("code") ?? "");
    const now = Math.floor(Date.now() / 1000);
    const accessToken = `access-${crypto.randomUUID()}`;
    const original = {
      iss: issuer,
      sub: "alice",
      aud: "cloakroom-test",
      iat: now,
      exp: now + 300,
      auth_time: now,
      acr: "1",
      sid: "provider-sid",
      at_hash: createHash("sha256").update(accessToken).digest().subarray(0, 16).toString("base64url"),
      ...(request?.has("nonce") === true ? { nonce: request.get("nonce") } : {}),
    };
    const header = apply(provider.overrides.header, { alg: key.alg, kid: key.kid } as Header);
    const idToken = await sign(
      apply(provider.overrides.claims, original),
      header,
      signerOf(header, provider.overrides.foreignKey),
    );
    return {
      access_token: accessToken,
      refresh_token: `refresh-${crypto.randomUUID()}`,
      id_token: provider.overrides.idToken?.(idToken) ?? idToken,
      token_type: "Bearer",
      expires_in: 300,
    };
  }
}

function metadata(issuer: string, alg: string): Claims {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ["code"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [alg],
    authorization_response_iss_parameter_supported: true,
  };
}

async function sign(claims: Claims, header: Header, key: CryptoKey): Promise<string> {
  const payload = withoutUndefined(claims);
  if (!/^(RS|PS|ES|Ed)/.test(header.alg)) return `${encode(header)}.${encode(payload)}.`;
  return new SignJWT(payload).setProtectedHeader(header).sign(key);
}

/** Inverts bits of the signature (XOR 0x5A), like the OpenID conformance suite. */
export function breakSignature(jwt: string): string {
  const [head, body, signature = ""] = jwt.split(".");
  const broken = Buffer.from(signature, "base64url").map((byte) => byte ^ 0x5a);
  return `${head}.${body}.${Buffer.from(broken).toString("base64url")}`;
}

/** Removes members from claims, a response, metadata or a key. */
export function without(...names: string[]): <T extends object>(original: T) => T {
  return (original) =>
    Object.fromEntries(Object.entries(original).filter(([name]) => !names.includes(name))) as typeof original;
}

export function unsigned(alg: string): (jwt: string) => string {
  return (jwt) => `${encode({ alg })}.${jwt.split(".")[1]}.`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function apply<T>(change: ((original: T) => T) | undefined, original: T): T {
  return change?.(original) ?? original;
}

function withoutUndefined(claims: Claims): Claims {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}
