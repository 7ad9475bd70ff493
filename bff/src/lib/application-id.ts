// The application id (I9): part of every Redis key, index, pub/sub channel and key-derivation label, so that several
// applications can share one Redis and even one set of master keys.
import { hash } from "node:crypto";

/** Checked by `applicationId`: contains no separator, hash tag or glob character of a Redis name. */
export type ApplicationId = string & { readonly brand: "ApplicationId" };

export type Application = Readonly<{
  id: ApplicationId;
  /** True if APP_ID is unset and the id was derived from the provider registration. */
  isDerived: boolean;
}>;

export const APPLICATION_ID = /^[a-z0-9][a-z0-9-]{0,31}$/;
export const APPLICATION_ID_RULE =
  "must be 1 to 32 lowercase letters, digits and hyphens, and begin with a letter or digit";

/**
 * 64 bits rule out accidental collisions. Deliberate ones are no threat: a party that controls issuer, client id and
 * origin can set APP_ID as well.
 */
const DERIVED_CHARS = 16;

/** @throws RangeError if `text` does not match APPLICATION_ID */
export function applicationId(text: string): ApplicationId {
  if (!APPLICATION_ID.test(text)) throw new RangeError(`an application id ${APPLICATION_ID_RULE}`);
  return text as ApplicationId;
}

type Registration = { issuer: string; clientId: string; publicOrigin: string };

/** Equal on all instances with the same registration. JSON encoding makes the input of the hash unambiguous. */
export function deriveApplicationId({ issuer, clientId, publicOrigin }: Registration): ApplicationId {
  const digest = hash("sha256", JSON.stringify([issuer, clientId, publicOrigin]), "hex");
  return applicationId(digest.slice(0, DERIVED_CHARS));
}
