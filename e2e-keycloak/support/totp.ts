// One-time codes as a phone computes them: what Keycloak's policy in the realm says.
import { Secret, TOTP } from "otpauth";

const PERIOD_SECONDS = 30;

/** @param secret base32, spaces allowed: as it is shown to a person who cannot scan the picture */
export function oneTimeCode(secret: string, atMs: number = Date.now()): string {
  const totp = new TOTP({
    secret: Secret.fromBase32(secret.replace(/\s/g, "")),
    algorithm: "SHA1",
    digits: 6,
    period: PERIOD_SECONDS,
  });
  return totp.generate({ timestamp: atMs });
}

/** The code after this one: where the present one is spent already, and the server takes a neighbour. */
export function nextOneTimeCode(secret: string): string {
  return oneTimeCode(secret, Date.now() + PERIOD_SECONDS * 1000);
}
