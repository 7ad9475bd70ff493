// Token validation of each upstream row that accepts access tokens. Rows with the same rules share caches.
import type { BearerConfig } from "../config/bearer-row.ts";
import type { UpstreamConfig } from "../config/config.ts";
import type { BearerTokens } from "../provider/bearer-tokens.ts";
import { createDpopValidation, type DpopValidation } from "../provider/dpop-validation.ts";
import type { Store } from "../store/store.ts";

export type RowValidation = { tokens: BearerTokens; proofs: DpopValidation };

export type BearerValidation = {
  /** @returns undefined for a row without access tokens */
  of(row: UpstreamConfig): RowValidation | undefined;
  /** @returns undefined unless a row accepts access tokens; its function returns one sentence while they cannot be validated */
  check: (() => Promise<string | undefined>) | undefined;
};

type Dependencies = {
  rows: readonly UpstreamConfig[];
  bearerTokens: (row: BearerConfig) => BearerTokens;
  store: Pick<Store, "markUsed">;
};

export function createBearerValidation({ rows, bearerTokens, store }: Dependencies): BearerValidation {
  const byRules = new Map<string, RowValidation>();
  const byRow = new Map<UpstreamConfig, RowValidation>();
  for (const row of rows) {
    const { bearer } = row;
    if (bearer === undefined) continue;
    const rules = JSON.stringify(bearer);
    const validation = byRules.get(rules) ?? {
      tokens: bearerTokens(bearer),
      proofs: createDpopValidation({
        clockSkewSeconds: bearer.clockSkewSeconds,
        markUsed: (hash, ttlMs) => store.markUsed("dpop-proof", hash, ttlMs),
      }),
    };
    byRules.set(rules, validation);
    byRow.set(row, validation);
  }
  return {
    of: (row) => byRow.get(row),
    check:
      byRow.size === 0
        ? undefined
        : async () => {
            for (const [{ prefix }, { tokens }] of byRow) {
              const fault = await tokens.check();
              if (fault !== undefined) return `access tokens for ${prefix} cannot be validated: ${fault}`;
            }
            return undefined;
          },
  };
}
