// Who a request is made for, with the claims that identity headers are made of.
import { stringsAt, type ClaimPath } from "../lib/claim-path.ts";
import type { UserName } from "./indexes.ts";
import type { Session } from "./session.ts";

export type Identity = Readonly<UserName & { claims: Readonly<Record<string, unknown>> }>;

const known = new WeakMap<object, Identity>();

/** @returns the same object for the same session object, so that headers are computed once for each */
export function identityOf(session: Session): Identity {
  const found = known.get(session);
  if (found !== undefined) return found;
  const { user, loginClaims, issuer, subject, providerSid, acr, authTimeSeconds } = session;
  const login = { iss: issuer, sub: subject, sid: providerSid, acr, auth_time: authTimeSeconds };
  const identity = { issuer, subject, claims: { ...user, ...loginClaims, ...login } };
  known.set(session, identity);
  return identity;
}

type AcceptedToken = UserName & Pick<Identity, "claims">;

/** @returns the same object for the same token object. `roles` are those of the gateway, as in a session */
export function identityOfToken(token: AcceptedToken, rolePaths: readonly ClaimPath[]): Identity {
  const found = known.get(token);
  if (found !== undefined) return found;
  const { issuer, subject, claims } = token;
  const identity = { issuer, subject, claims: { ...claims, roles: stringsAt(claims, rolePaths) } };
  known.set(token, identity);
  return identity;
}
