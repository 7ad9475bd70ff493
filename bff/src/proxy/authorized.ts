// What an authorized request is forwarded with.
import type { TokenScheme } from "../http/credentials.ts";
import type { ProofKey } from "../lib/proof-key.ts";
import type { Claims } from "../provider/bearer-claims.ts";
import type { SessionKey } from "../store/store.ts";

export type Authorized = {
  accessToken: string | undefined;
  /** The key to prove with each request that carries the token; undefined: a bearer token. */
  proofKey?: ProofKey | undefined;
  /** The session that the response belongs to; undefined if no session was used. */
  sessionKey?: SessionKey;
  /** The user or client that the request is made for. The same object for the same access token. */
  identity?: Readonly<{ issuer: string; subject: string; claims: Claims }> | undefined;
  /** Set if the client brought its own access token. */
  client?: ClientToken | undefined;
};

/** An access token that the client brought, validated. */
export type ClientToken = {
  /** Of `accessToken` towards the upstream. */
  scheme: TokenScheme;
  /** The client's DPoP proof, if the row forwards it. */
  proof: string | undefined;
  /** Hash of issuer and subject, for quotas. */
  holder: string;
};
