// The system under test, whichever provider stands in it: what tests may ask of it and do to it.
import type { System } from "../../demo/src/system.ts";
import type { ProviderHandle, User, UserInput } from "../../demo/src/provider/types.ts";
import type { DurableRedis } from "./durable-redis.ts";
import type { Exchange } from "./tap.ts";

/** What both providers can be asked. The embedded one's further switches are in its own tests. */
export type TestProvider = Pick<
  ProviderHandle,
  "issuer" | "count" | "resetCounts" | "issuedTokens" | "endSession" | "down" | "up"
> & {
  addUser: (user: UserInput) => Promise<User>;
  /** From the next login on. */
  issueAccessTokensFor: (seconds: number) => Promise<void>;
};

/** Long enough that no test meets its end by accident. */
export const USUAL_ACCESS_TOKEN_SECONDS = 60;

export type TestSystem = Pick<System, "origin" | "gatewayPort" | "managementOrigin" | "api" | "gateway" | "stop"> & {
  readonly provider: TestProvider;
  readonly redis: DurableRedis;
  /** Every answer that a browser got from the gateway, in order. */
  readonly exchanges: readonly Exchange[];
  /** The gateway's master key, so that it can be searched for as well. */
  readonly masterKey: string;
};
