// What tests do with a provider, in this process or in another: users, sessions, faults, outages, issued tokens.
import type { CounterName } from "./counters.ts";
import type { Fault } from "./faults.ts";
import type { IssuedTokens, ProviderClient, ProviderHandle, User, UserInput, UserLifetimes } from "./types.ts";

/** A fault without promises, so that it can be sent to another process. */
export type FaultSwitch = Omit<Fault, "processAfter" | "respondAfter">;

export type ProviderControl = {
  readonly issuer: string;
  addUser(user: UserInput): Promise<User>;
  addClient(client: ProviderClient): Promise<void>;
  /** Applies to the tokens and sessions of this user that begin afterwards; {} removes what was set. */
  setLifetimes(sub: string, lifetimes: UserLifetimes): Promise<void>;
  /**
   * Ends all sessions of a user and revokes their tokens, with back-channel logout unless `notifyClients` is false.
   * @returns the number of ended sessions
   */
  endSession(sub: string, options?: { notifyClients?: boolean }): Promise<number>;
  /** Replaces the fault of that endpoint. */
  setFault(fault: FaultSwitch): Promise<void>;
  clearFaults(): Promise<void>;
  /** Stops listening and closes all connections: clients get ECONNREFUSED. */
  takeDown(): Promise<void>;
  /** Listens again, with all sessions and tokens. */
  restore(): Promise<void>;
  /** Signs with a new key; `dropOld` removes the old keys from the JWKS. */
  rotateKeys(options?: { dropOld?: boolean }): Promise<void>;
  /** All secrets issued or registered so far, for leak searches. */
  issuedTokens(): Promise<IssuedTokens>;
  /** Number of requests to an endpoint, or of events. */
  count(name: CounterName): Promise<number>;
};

export type Operation = Exclude<keyof ProviderControl, "issuer">;

export const OPERATIONS = [
  "addUser",
  "addClient",
  "setLifetimes",
  "endSession",
  "setFault",
  "clearFaults",
  "takeDown",
  "restore",
  "rotateKeys",
  "issuedTokens",
  "count",
] as const satisfies readonly Operation[];

export function createProviderControl(provider: ProviderHandle): ProviderControl {
  return {
    issuer: provider.issuer,
    addUser: provider.addUser,
    addClient: provider.addClient,
    setLifetimes: async (sub, lifetimes) => provider.setLifetimes(sub, lifetimes),
    endSession: provider.endSession,
    setFault: async (fault) => provider.faults.set(fault),
    clearFaults: async () => provider.faults.clear(),
    takeDown: provider.down,
    restore: provider.up,
    rotateKeys: provider.rotateKeys,
    issuedTokens: async () => provider.issuedTokens(),
    count: async (name) => provider.count(name),
  };
}
