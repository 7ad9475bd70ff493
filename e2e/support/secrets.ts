// The secrets of the system under test: what the provider has issued, session ids, and the gateway's master key.
import { sessionIdsOf } from "@cloakroom/testing/leaks/exchange.ts";
import { secretsOf, type Secret } from "@cloakroom/testing/leaks/secrets.ts";
import type { TestSystem } from "./system.ts";

/** Every token, code, client secret and session id that the system has issued so far, and the master key. */
export function listSecrets(system: Pick<TestSystem, "provider" | "masterKey" | "exchanges">): Secret[] {
  return [
    ...secretsOf(system.provider.issuedTokens()),
    ...sessionIdsOf(system.exchanges),
    { kind: "master key", text: system.masterKey },
  ];
}
