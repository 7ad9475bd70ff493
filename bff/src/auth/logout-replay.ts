// Replay protection of back-channel logout tokens (OIDC Back-Channel Logout 1.0 §2.6): each `jti` acts once over all
// instances. It is claimed before the action, so that of concurrent copies only one acts, and released if the action
// fails, so that the provider can retry.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError } from "../errors.ts";
import type { Store } from "../store/store.ts";

/** Longer than a logout token is valid. */
const REPLAY_MS = 10 * 60_000;
/** Claim of a process that crashes. After a slower action a copy may act as well, without effect. */
const LEASE_MS = 5_000;
/** A copy that arrives during the action waits for its outcome, because the action may still fail. */
const WAIT_MS = 2_000;
const POLL_MS = 50;

type Claims = Pick<Store, "claimOnce" | "completeClaim" | "releaseClaim">;

/**
 * @throws GatewayError request_malformed for a used token; store_unavailable if the outcome of a concurrent copy is not
 * known in time; errors of `act`, after which the token can be used again
 */
export async function oncePerLogoutToken<T>(store: Claims, tokenHash: string, act: () => Promise<T>): Promise<T> {
  const owner = randomBytes(12).toString("base64url");
  const giveUpAtMs = performance.now() + WAIT_MS;
  for (;;) {
    const claim = await store.claimOnce("logout-token", tokenHash, { owner, leaseMs: LEASE_MS });
    if (claim === "claimed") break;
    if (claim === "used")
      throw new GatewayError("request_malformed", { reason: "logout token rejected: jti was used before" });
    if (performance.now() >= giveUpAtMs)
      throw new GatewayError("store_unavailable", { reason: "another request with this logout token is in progress" });
    await sleep(POLL_MS);
  }
  try {
    const result = await act();
    await store.completeClaim("logout-token", tokenHash, REPLAY_MS);
    return result;
  } catch (error) {
    // A failed release is harmless: the claim expires.
    await store.releaseClaim("logout-token", tokenHash, owner).catch(() => undefined);
    throw error;
  }
}
