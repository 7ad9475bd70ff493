// The interface of the system under test, the same for the embedded provider and for Keycloak.
import type { System } from "@cloakroom/demo/system.ts";
import type { ProviderHandle, User, UserInput } from "@cloakroom/testing/provider/types.ts";
import type { DurableRedis } from "./durable-redis.ts";
import type { Exchange } from "@cloakroom/testing/leaks/exchange.ts";

/** What both providers support. */
export type TestProvider = Pick<
  ProviderHandle,
  "issuer" | "count" | "resetCounts" | "issuedTokens" | "endSession" | "down" | "up"
> & {
  addUser: (user: UserInput) => Promise<User>;
  /** Applies to tokens issued from the next login on. */
  setAccessTokenLifetime: (seconds: number) => Promise<void>;
};

/** Longer than any test that does not change it. */
export const DEFAULT_ACCESS_TOKEN_SECONDS = 60;

export type TestSystem = Pick<System, "origin" | "gatewayPort" | "managementOrigin" | "api" | "gateway" | "stop"> & {
  readonly provider: TestProvider;
  readonly redis: DurableRedis;
  /** Every response of the gateway to a browser, in order. */
  readonly exchanges: readonly Exchange[];
  /** The gateway's master key, searched for like a token. */
  readonly masterKey: string;
};
