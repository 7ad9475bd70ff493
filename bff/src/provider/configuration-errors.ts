// Settings that the provider rejected while the gateway was running, for /readyz and the log, until a later success.
import type { ClientAuthMethod } from "../config/client-auth-settings.ts";
import type { Log } from "../logging/log.ts";
import { rowOf, settingError, type Endpoint, type ProviderFailure, type Row } from "./provider-errors.ts";
import { rejectedClient } from "./setting-sentences.ts";

export type ConfigurationErrors = {
  /** Records a rejection of the configuration; other errors change nothing. */
  failed(endpoint: Endpoint, error: unknown): void;
  /** The same for an error in an authorization response. @returns its row of the table */
  rejected(failure: ProviderFailure): Row;
  succeeded(endpoint: Endpoint): void;
  /** @returns one sentence with the setting and the cure */
  alarm(): string | undefined;
};

/** Endpoints that accept the configuration if a request to the key succeeds: a code exchange is the last step of a login. */
const PROVED_BY: Partial<Record<Endpoint, readonly Endpoint[]>> = { code: ["authorization", "pushed", "code"] };

/** @param method of the client authentication; undefined: a secret */
export function createConfigurationErrors(
  log: Pick<Log, "error" | "info">,
  method?: ClientAuthMethod,
): ConfigurationErrors {
  const ofClient = rejectedClient(method);
  const faults = new Map<Endpoint, string>();
  const record = (endpoint: Endpoint, reason: string | undefined): void => {
    if (reason === undefined || faults.get(endpoint) === reason) return;
    faults.set(endpoint, reason);
    log.error("provider rejects the configuration", { reason });
  };
  return {
    failed: (endpoint, error) => record(endpoint, settingError(error, endpoint, method)),
    rejected(failure) {
      const row = rowOf("authorization", failure, method);
      record("authorization", row.sentence);
      return row;
    },
    succeeded(endpoint) {
      if (faults.size === 0) return;
      const proved = PROVED_BY[endpoint] ?? [endpoint];
      // Every success but that of userinfo was preceded by a client authentication.
      const provesClient = endpoint !== "userinfo";
      for (const [failed, reason] of faults)
        if (proved.includes(failed) || (provesClient && reason === ofClient)) faults.delete(failed);
      if (faults.size === 0) log.info("provider accepts the configuration again");
    },
    alarm: () => faults.values().next().value,
  };
}
