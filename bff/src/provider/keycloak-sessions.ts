// Ends all sessions of a user at Keycloak by its Admin REST API. With a client of its own (KEYCLOAK_ADMIN_CLIENT_ID),
// because the role that this requires must not be in access tokens for upstreams.
import { randomUUID } from "node:crypto";
import * as oidc from "openid-client";
import type { KeycloakAdminConfig, ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { UserName } from "../session/indexes.ts";
import { memoizeSuccess } from "../lib/memoize-success.ts";
import { neverSentCode } from "../lib/network-errors.ts";
import { createProviderConnection } from "./provider-connection.ts";
import { isRejectedClient, rejectedResponse, wordOf } from "./provider-errors.ts";
import { createProviderFetch } from "./provider-fetch.ts";

export type KeycloakSessions = {
  /** Ends all sessions of the user at Keycloak, also those of other applications. @throws GatewayError provider_unavailable */
  endOfUser(user: UserName): Promise<void>;
  /** @returns undefined once the permission is verified, otherwise one sentence with the setting and the cure */
  check(): Promise<string | undefined>;
};

/** Cool-down between failed checks: each is an error in Keycloak's event log. */
const CHECK_COOL_DOWN_MS = 5_000;

/** Keycloak 26 sends the same code for a wrong secret and for a client without a service account. */
const NO_TOKEN =
  "Keycloak gives KEYCLOAK_ADMIN_CLIENT_ID no token. Copy it and KEYCLOAK_ADMIN_CLIENT_SECRET from the client's registration there, and switch on its service account (Service account roles)";
const NO_ROLE =
  "the service account of KEYCLOAK_ADMIN_CLIENT_ID may not end sessions. Give it the role manage-users of realm-management";

/** @param admin a client of the same realm with a service account */
export function createKeycloakSessions(config: ProviderConfig, admin: KeycloakAdminConfig): KeycloakSessions {
  const connect = createProviderConnection({
    ...config,
    clientId: admin.clientId,
    clientSecret: admin.clientSecret,
    // Its token is sent to Keycloak only, and its requests carry neither a proof nor the client's certificate.
    senderConstrained: "off",
    clientAuth: { ...config.clientAuth, method: undefined, secretFile: admin.clientSecretFile, certFile: undefined },
  });
  const fetch = createProviderFetch(config);
  const base = config.issuer.replace(/\/realms\/([^/]+)$/, "/admin/realms/$1");

  const accessToken = async (): Promise<string> => {
    const { configuration } = await connect();
    const grant = await oidc.clientCredentialsGrant(configuration).catch((error: unknown) => {
      throw unavailable(grantError(error), error);
    });
    return grant.access_token;
  };
  /** @returns the status of the response */
  const request = async (method: "POST" | "DELETE", path: string, token?: string): Promise<number> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(base + path, { method, headers }).catch((error: unknown) => {
      throw unavailable(`Keycloak's Admin REST API cannot be reached (${networkError(error)})`, error);
    });
    return response.status;
  };
  /** Deletes a session that does not exist: 401 or 403 without the permission, otherwise 404 and no effect. */
  const verifyPermission = async (): Promise<true> => {
    const unknownSession = `/sessions/${randomUUID()}`;
    const token = await accessToken();
    if ((await request("DELETE", unknownSession)) !== 401)
      throw unavailable(
        `there is no Admin REST API at ${base}. Open it to the gateway, by OIDC_INTERNAL_URL where browsers must not reach it`,
      );
    const status = await request("DELETE", unknownSession, token);
    if (status !== 404) throw unavailable(statusError(status));
    return true;
  };
  const verifyPermissionOnce = memoizeSuccess(verifyPermission, CHECK_COOL_DOWN_MS);

  return {
    async endOfUser({ issuer, subject }) {
      if (issuer !== config.issuer) throw unavailable("the user is of another issuer");
      const status = await request("POST", `/users/${encodeURIComponent(subject)}/logout`, await accessToken());
      // 404: the user was deleted together with the sessions.
      if (status !== 204 && status !== 404) throw unavailable(statusError(status));
    },
    async check() {
      try {
        await verifyPermissionOnce();
        return undefined;
      } catch (error) {
        return error instanceof GatewayError ? (error.reason ?? error.code) : "Keycloak cannot be reached";
      }
    },
  };
}

function grantError(error: unknown): string {
  if (isRejectedClient(error)) return NO_TOKEN;
  if (error instanceof oidc.ResponseBodyError) return `Keycloak rejected the service account: ${wordOf(error.error)}`;
  return `Keycloak cannot be reached (${networkError(error)})`;
}

function networkError(error: unknown): string {
  return neverSentCode(error) ?? rejectedResponse(error)?.message ?? "no response";
}

function statusError(status: number): string {
  return status === 401 || status === 403 ? NO_ROLE : `Keycloak's Admin REST API responded ${status}`;
}

function unavailable(reason: string, cause?: unknown): GatewayError {
  return new GatewayError("provider_unavailable", { reason, cause });
}
