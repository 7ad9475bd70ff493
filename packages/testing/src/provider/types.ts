// Options and handle of the embedded provider. Lifetimes are in seconds, as in the protocol.
import type { JWK } from "jose";
import type { Faults } from "./faults.ts";
import type { CounterName } from "./counters.ts";

export type ProviderClient = {
  clientId: string;
  clientSecret: string;
  redirectUris: string[];
  postLogoutRedirectUris?: string[];
  backchannelLogoutUri?: string;
  clientName?: string;
  /** The client's access tokens are bound to a DPoP key; a token request without a proof is rejected (RFC 9449 §5.2). */
  dpopBoundAccessTokens?: boolean;
  /** Applies FAPI 2.0 to the client, which authenticates by private_key_jwt with these keys. */
  fapi?: { publicKeys: JWK[]; messageSigning: boolean };
  /** Allows the client credentials grant. */
  allowClientCredentials?: boolean;
  /** Allowed audiences of token exchange; "!name" is a known audience that is denied to all users. */
  exchangeAudiences?: string[];
};

export type UserInput = {
  username: string;
  password: string;
  name?: string;
  email?: string;
  roles?: string[];
  department?: string;
  /** Default: a random UUID. */
  sub?: string;
};

export type User = Readonly<{
  sub: string;
  username: string;
  name: string;
  email: string;
  roles: readonly string[];
  department: string;
}>;

/** May be changed on the handle; applies to tokens issued afterwards. */
export type Lifetimes = {
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  sessionSeconds: number;
  codeSeconds: number;
  /** Default: `accessTokenSeconds`. */
  exchangedTokenSeconds?: number;
};

/** Lifetimes of one user's tokens and sessions. */
export type UserLifetimes = Partial<Pick<Lifetimes, "accessTokenSeconds" | "refreshTokenSeconds" | "sessionSeconds">>;

export type ProviderOptions = {
  /** A loopback address. Default 127.0.0.1. */
  host?: string;
  /** Default 4000; 0 for any free port. */
  port?: number;
  /** Issuer URL behind a TLS proxy. Default: the provider's own URL. */
  issuer?: string;
  clients?: ProviderClient[];
  /** Audience of the access tokens, with and without a `resource` parameter. */
  resource?: string;
  /** Resources whose access tokens are opaque. */
  opaqueResources?: readonly string[];
  /** Scopes of the resources, beside openid, profile and email. */
  resourceScopes?: readonly string[];
  lifetimes?: Partial<Lifetimes>;
  users?: UserInput[];
  /** Grants all scopes without a consent page. Default true. */
  skipConsent?: boolean;
  /** DPoP proofs need a nonce of the provider (RFC 9449 §8). Default false. */
  requireDpopNonce?: boolean;
  /** Private RSA keys, newest first. Default: a generated key. */
  keys?: JWK[];
  /** scrypt's cost parameter N; tests lower it. */
  passwordCost?: number;
};

export type IssuedTokens = {
  accessTokens: string[];
  refreshTokens: string[];
  idTokens: string[];
  logoutTokens: string[];
  codes: string[];
  clientSecrets: string[];
};

export type ProviderHandle = {
  readonly issuer: string;
  readonly port: number;
  readonly resource: string;
  readonly lifetimes: Lifetimes;
  readonly faults: Faults;
  addClient: (client: ProviderClient) => Promise<void>;
  addUser: (user: UserInput) => Promise<User>;
  /** Applies to the tokens and sessions of one user that begin afterwards; {} removes what was set. */
  setLifetimes: (sub: string, lifetimes: UserLifetimes) => void;
  /** Finds a user by username. */
  user: (username: string) => User | undefined;
  /** Number of requests to an endpoint, or of events. */
  count: (name: CounterName) => number;
  resetCounts: () => void;
  /** All secrets issued or registered so far, for leak searches. */
  issuedTokens: () => IssuedTokens;
  /** Signs with a new key; `dropOld` removes the old keys from the JWKS. */
  rotateKeys: (options?: { dropOld?: boolean }) => Promise<void>;
  /**
   * Ends all sessions of a user and revokes their tokens, with back-channel logout unless `notifyClients` is false.
   * @returns the number of ended sessions
   */
  endSession: (sub: string, options?: { notifyClients?: boolean }) => Promise<number>;
  /** Signs a logout token; members that are undefined are left out. */
  logoutToken: (claims: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>;
  /** Signs any JWT with the current key. */
  sign: (claims: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>;
  /** Stops listening and closes all connections; `up` listens on the same port again. */
  down: () => Promise<void>;
  up: () => Promise<void>;
  stop: () => Promise<void>;
};
