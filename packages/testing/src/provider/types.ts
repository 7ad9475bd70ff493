// What the provider is started with and what it hands back. Lifetimes are seconds, as in the protocol.
import type { JWK } from "oidc-provider";
import type { Faults } from "./faults.ts";
import type { Counted } from "./counters.ts";

export type ProviderClient = {
  clientId: string;
  clientSecret: string;
  redirectUris: string[];
  postLogoutRedirectUris?: string[];
  backchannelLogoutUri?: string;
  clientName?: string;
  /** Only with this may the client ask for a token of its own. */
  allowClientCredentials?: boolean;
  /** Audiences that it may exchange its users' tokens for; "!name": known, but refused to its users. */
  exchangeAudiences?: string[];
};

export type UserInput = {
  username: string;
  password: string;
  name?: string;
  email?: string;
  roles?: string[];
  department?: string;
  /** Absent: a random one. It differs from the username, as at real providers. */
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

/** Mutable on the handle: the next token is issued with what stands there then. */
export type Lifetimes = {
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  sessionSeconds: number;
  codeSeconds: number;
  /** Of exchanged tokens; absent: as all access tokens. */
  exchangedTokenSeconds?: number;
};

export type ProviderOptions = {
  host?: string;
  /** 0 takes any free port. */
  port?: number;
  /** Where browsers and clients find the provider behind a TLS proxy; absent: the provider's own address. */
  issuer?: string;
  clients?: ProviderClient[];
  /** Audience of the access tokens, with and without a `resource` parameter. */
  resource?: string;
  lifetimes?: Partial<Lifetimes>;
  users?: UserInput[];
  /** Nobody is asked for consent: right for an application of one's own. */
  skipConsent?: boolean;
  /** Private RSA keys, newest first; absent: one is generated. */
  keys?: JWK[];
  /** scrypt's cost N; tests that log in by the hundred lower it. */
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
  /** Finds a user by name, so that a test can address it by `sub`. */
  user: (username: string) => User | undefined;
  /** Requests that arrived, by endpoint; and what happened, by name. */
  count: (what: Counted) => number;
  resetCounts: () => void;
  /** Every secret string ever handed out or registered, for searches of what must not contain one. */
  issuedTokens: () => IssuedTokens;
  /** Signs with a new key from now on; `dropOld` also stops publishing the old ones. */
  rotateKeys: (options?: { dropOld?: boolean }) => Promise<void>;
  /** Logs the user out here, everywhere, and tells the clients by back-channel. @returns sessions ended */
  endSession: (sub: string) => Promise<number>;
  /** A logout token signed with the real key; a member given as undefined is left out. */
  logoutToken: (claims: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>;
  /** Any JWT signed with the real key, for forgeries that are wrong in exactly one point. */
  sign: (claims: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>;
  down: () => Promise<void>;
  up: () => Promise<void>;
  stop: () => Promise<void>;
};
