// What an authorized request is forwarded with.
import type { UpstreamConfig } from "../config/config.ts";
import type { TokenScheme } from "../http/credentials.ts";
import type { ProofKey } from "../lib/proof-key.ts";
import type { Identity } from "../session/identity.ts";
import type { Session } from "../session/session.ts";
import type { SessionKey } from "../store/store.ts";

export type Authorized = {
  accessToken: string | undefined;
  /** The key to prove with each request that carries the token; undefined: a bearer token. */
  proofKey?: ProofKey | undefined;
  /** The session that the response belongs to; undefined if no session was used. */
  sessionKey?: SessionKey;
  /** The record of that session. */
  session?: Session;
  /** Set if the client brought its own access token. */
  client?: ClientToken | undefined;
  /** The user, or the client with its own token; undefined: anonymous, or a row that needs neither. */
  identity?: Identity | undefined;
};

/** An access token that the client brought, validated. */
export type ClientToken = {
  /** Of `accessToken` towards the upstream. */
  scheme: TokenScheme;
  /** The client's DPoP proof, if the row forwards it. */
  proof: string | undefined;
  /** Hash of issuer and subject, for quotas. */
  holder: string;
  /** Requests with the token are accepted until then, as far as is known. */
  validUntilMs: number;
};

export function usesIdentity({ identityHeaders, rateLimit }: UpstreamConfig): boolean {
  return identityHeaders.length > 0 || rateLimit !== undefined;
}
