// Entry point @cloakroom/testing/provider: an OpenID Provider for tests and development. Not for production: it keeps users,
// keys and tokens in memory, knows demo passwords, and listens on loopback only.
import "./require-node.ts";
export { startProvider } from "./provider/start-provider.ts";
export { startProviderControl, type ControlServer } from "./provider/control-server.ts";
export { connectProvider } from "./provider/connect-provider.ts";
export { createProviderControl, type FaultSwitch, type ProviderControl } from "./provider/control.ts";
export { DEMO_USERS } from "./provider/users.ts";
export { ID_TOKEN_FAULTS, type Fault, type Faults, type IdTokenFault } from "./provider/faults.ts";
export type { CounterName, Endpoint } from "./provider/counters.ts";
export type {
  IssuedTokens,
  Lifetimes,
  ProviderClient,
  ProviderHandle,
  ProviderOptions,
  User,
  UserInput,
  UserLifetimes,
} from "./provider/types.ts";
