// Authorizes requests of machine clients, which bring their own access token (RFC 6750, RFC 9449 §7). No session is read and
// no cookie is set.
import type { IncomingMessage } from "node:http";
import type { BlockList } from "node:net";
import type { TokenTarget, UpstreamConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { networkOf } from "../http/address-network.ts";
import { clientAddress } from "../http/client-address.ts";
import { credentialsOf, hasTokenInQuery, type TokenScheme } from "../http/credentials.ts";
import type { WaitingQuotas } from "../http/load-shedding.ts";
import { rawPath, type RequestState } from "../http/request-state.ts";
import { stringsAt, type ClaimPath } from "../lib/claim-path.ts";
import { createInFlightTable } from "../lib/in-flight.ts";
import { mapMaybePromise, type MaybePromise } from "../lib/maybe-promise.ts";
import type { BearerOutcome } from "../metrics/metrics.ts";
import type { AcceptedToken, TokenVerdict } from "../provider/bearer-claims.ts";
import type { DpopValidation, PresentedProof } from "../provider/dpop-validation.ts";
import type { AccessToken, SharedClock } from "../tokens/token-set.ts";
import { identityOfToken, type Identity } from "../session/identity.ts";
import type { Authorized, ClientToken } from "./authorized.ts";
import { bearerError, type BearerError } from "./bearer-challenge.ts";
import type { BearerValidation } from "./bearer-validation.ts";
import { requirePermission, type Holder } from "./permission.ts";

/** Synchronous for a cached token that is not bound to a key. @throws GatewayError if the request must not be forwarded */
export type AuthorizeBearer = (
  request: IncomingMessage,
  upstream: UpstreamConfig,
  /** Absent when an open connection is authorized again: its proof was checked when it was opened, and it is not counted. */
  state?: RequestState,
) => MaybePromise<Authorized>;

type Dependencies = {
  validationOf: BearerValidation["of"];
  /** Part of `htu` in proofs, never taken from the request. */
  publicOrigin: string;
  trustedProxies: BlockList;
  countForSession: WaitingQuotas["countForSession"];
  /** The gateway's own token, for rows with `token: client`. @throws GatewayError provider_unavailable */
  clientToken: (target: TokenTarget) => Promise<AccessToken>;
  /** Claims with roles. */
  rolePaths: readonly ClaimPath[];
  clock: Pick<SharedClock, "nowMs">;
  onOutcome: (outcome: BearerOutcome) => void;
};

type Presented = { request: IncomingMessage; upstream: UpstreamConfig; scheme: TokenScheme; accessToken: string };

/** @throws GatewayError token_missing | invalid_token | invalid_dpop_proof | request_malformed | provider_unavailable | store_unavailable | too_many_requests */
export function authorizeBearer(dependencies: Dependencies): AuthorizeBearer {
  const authorize = createAuthorize(dependencies);
  const authorizeAgain = createAuthorize({ ...dependencies, onOutcome: () => undefined });
  return (request, upstream, state) => (state === undefined ? authorizeAgain : authorize)(request, upstream, state);
}

function createAuthorize(dependencies: Dependencies): AuthorizeBearer {
  const { validationOf, publicOrigin, trustedProxies, countForSession } = dependencies;
  const { clientToken, rolePaths, clock, onOutcome } = dependencies;
  const subjects = createInFlightTable();
  const reject = (outcome: BearerOutcome, error: BearerError): never => {
    onOutcome(outcome);
    throw bearerError(error);
  };

  const reportUnavailable = (error: unknown): never => {
    if (!(error instanceof GatewayError && error.code === "too_many_requests")) onOutcome("unavailable");
    throw error;
  };

  /** @throws GatewayError too_many_requests | insufficient_scope | step_up_required */
  const accept = (
    presented: Presented,
    token: AcceptedToken,
    state: RequestState | undefined,
  ): MaybePromise<Authorized> => {
    const { claims, scopes, holder } = token;
    if (state !== undefined) {
      state.holder = holder;
      countForSession(state, subjects.of(holder));
    }
    const { upstream } = presented;
    const claimsOf = () => identityOfToken(token, rolePaths).claims;
    const permissions = { roles: rolesFor(upstream, claims, rolePaths), scopes, claims: claimsOf };
    const problem = permissionProblem(permissions, upstream, clock.nowMs);
    if (problem !== undefined) reject("forbidden", { ...problem, upstream });
    onOutcome("accepted");
    const validUntilMs = token.expiresAtMs + (upstream.bearer?.clockSkewSeconds ?? 0) * 1_000;
    return forwarded(presented, { holder, validUntilMs, identity: identityOfToken(token, rolePaths) }, clientToken);
  };
  const requireProof = async (
    presented: Presented,
    { token, jkt, proofs }: { token: AcceptedToken; jkt: string; proofs: DpopValidation },
    state: RequestState,
  ): Promise<Authorized> => {
    const { upstream } = presented;
    const verdict = await proofs.verify({ ...provenRequest(presented, publicOrigin), jkt });
    if (verdict.kind === "rejected")
      return reject("invalid_proof", { code: "invalid_dpop_proof", reason: verdict.reason, upstream });
    return accept(presented, token, state);
  };
  const decide = (
    presented: Presented,
    { verdict, proofs }: { verdict: TokenVerdict; proofs: DpopValidation },
    state: RequestState | undefined,
  ): MaybePromise<Authorized> => {
    const { upstream } = presented;
    const problem = verdict.kind === "rejected" ? verdict.reason : schemeProblem(verdict.token, presented);
    if (problem !== undefined || verdict.kind === "rejected")
      return reject("invalid_token", { code: "invalid_token", reason: `access token rejected: ${problem}`, upstream });
    const { token } = verdict;
    const { jkt } = token;
    return jkt === undefined || state === undefined
      ? accept(presented, token, state)
      : requireProof(presented, { token, jkt, proofs }, state);
  };

  return function authorizeBearer(request, upstream, state): MaybePromise<Authorized> {
    const validation = validationOf(upstream);
    if (validation === undefined)
      throw new GatewayError("internal", { reason: "the row accepts access tokens but has no bearer validation" });
    const presented = presentedToken(request, upstream);
    if ("outcome" in presented) return reject(presented.outcome, presented.error);
    const { tokens, proofs } = validation;
    const verdict = tokens.validate(presented.accessToken, () => networkOf(clientAddress(request, trustedProxies)));
    return mapMaybePromise(verdict instanceof Promise ? verdict.catch(reportUnavailable) : verdict, (found) =>
      decide(presented, { verdict: found, proofs }, state),
    );
  };
}

type Rejection = { outcome: BearerOutcome; error: BearerError };

function presentedToken(request: IncomingMessage, upstream: UpstreamConfig): Presented | Rejection {
  const credentials = credentialsOf(request);
  const malformed = (reason: string): Rejection => ({
    outcome: "malformed",
    error: { code: "request_malformed", reason, upstream },
  });
  if (credentials?.kind === "several") return malformed("several Authorization headers");
  if (hasTokenInQuery(request.url ?? ""))
    return malformed("an access token in the query (RFC 6750 §2.3 is not supported): send it in Authorization");
  if (credentials?.kind === "token")
    return { request, upstream, scheme: credentials.scheme, accessToken: credentials.token };
  const reason = credentials === undefined ? "no Authorization header" : "no access token in the Authorization header";
  return { outcome: "missing", error: { code: "token_missing", reason, upstream } };
}

/** A stolen token that is bound to a key is worth nothing without it (RFC 9449 §7.1). */
function schemeProblem({ jkt }: AcceptedToken, { scheme, upstream }: Presented): string | undefined {
  if (jkt !== undefined)
    return scheme === "Bearer" ? "it is bound to a DPoP key, and was sent with the scheme Bearer" : undefined;
  if (scheme === "DPoP") return "it is bound to no key, and was sent with the scheme DPoP";
  return upstream.bearer?.dpop === "required" ? "it is bound to no key, and bearer.dpop is required" : undefined;
}

/** What the proof of a request must be for. */
function provenRequest({ request, accessToken }: Presented, publicOrigin: string): Omit<PresentedProof, "jkt"> {
  const { dpop } = request.headers;
  return {
    proof: typeof dpop === "string" ? dpop : undefined,
    method: request.method ?? "",
    url: publicOrigin + rawPath(request.url ?? ""),
    accessToken,
  };
}

/** Not read on rows that need none: a token may list thousands. */
function rolesFor({ requiredRoles }: UpstreamConfig, claims: object, paths: readonly ClaimPath[]): readonly string[] {
  return requiredRoles.length === 0 ? [] : stringsAt(claims, paths);
}

function permissionProblem(
  holder: Holder,
  upstream: UpstreamConfig,
  nowMs: () => number,
): Pick<BearerError, "code" | "reason"> | undefined {
  try {
    requirePermission(holder, upstream, nowMs);
    return undefined;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const { code, reason = code } = error;
    if (code === "forbidden") return { code: "insufficient_scope", reason };
    if (code === "step_up_required") return { code, reason };
    throw error;
  }
}

/** What the upstream receives, by the row's `token`. */
function forwarded(
  presented: Presented,
  { identity, ...token }: Pick<ClientToken, "holder" | "validUntilMs"> & { identity: Identity },
  clientToken: Dependencies["clientToken"],
): MaybePromise<Authorized> {
  const { upstream, scheme, accessToken } = presented;
  const client = { scheme, proof: forwardedProof(presented), ...token };
  if (upstream.token === "user") return { accessToken, client, identity };
  if (upstream.token === "none") return { accessToken: undefined, client, identity };
  return clientToken(upstream.tokenTarget).then((own) => ({
    ...{ ...own, identity },
    client: { ...client, scheme: schemeOf(own) },
  }));
}

function forwardedProof({ request, upstream, scheme }: Presented): string | undefined {
  const { dpop } = request.headers;
  const isForwarded = scheme === "DPoP" && upstream.token === "user" && upstream.bearer?.forwardProof === true;
  return isForwarded && typeof dpop === "string" ? dpop : undefined;
}

const schemeOf = ({ proofKey }: AccessToken): TokenScheme => (proofKey === undefined ? "Bearer" : "DPoP");
