// One-time codes (TOTP, RFC 6238) with the parameters of the realm's policy.
import { Secret, TOTP } from "otpauth";

const PERIOD_SECONDS = 30;

/** @param secret base32, spaces allowed, as Keycloak shows it */
export function oneTimeCode(secret: string, atMs: number = Date.now()): string {
  const totp = new TOTP({
    secret: Secret.fromBase32(secret.replace(/\s/g, "")),
    algorithm: "SHA1",
    digits: 6,
    period: PERIOD_SECONDS,
  });
  return totp.generate({ timestamp: atMs });
}

/** @returns the code of the next period: the current one may be used already, and Keycloak accepts adjacent periods */
export function nextOneTimeCode(secret: string): string {
  return oneTimeCode(secret, Date.now() + PERIOD_SECONDS * 1000);
}
