// The error of a login whose settings contradict the provider's metadata.
import { GatewayError } from "../errors.ts";

/** @returns a GatewayError login_failed, not 503: the next login would fail for the same reason */
export function misconfigured(reason: string, cause?: unknown): GatewayError {
  const details = { reason, explanation: "login_misconfigured" } as const;
  return new GatewayError("login_failed", cause === undefined ? details : { ...details, cause });
}
