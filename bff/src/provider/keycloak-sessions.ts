// "Everywhere" means the provider too, where that is Keycloak: its Admin REST API ends all sessions of a user there.
// Spoken to as a client of its own, because the right to do that is far more than any upstream may be handed.
import { randomUUID } from "node:crypto";
import * as oidc from "openid-client";
import type { KeycloakAdminConfig, ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { UserName } from "../session/indexes.ts";
import { memoizeSuccess } from "../lib/memoize-success.ts";
import { createProviderConnection } from "./provider-connection.ts";
import { refusedResponse, wordOf } from "./provider-errors.ts";
import { createProviderFetch, neverSentCode } from "./provider-fetch.ts";
import { isRefusedClient } from "./setting-errors.ts";

export type KeycloakSessions = {
  /** Ends all of a user's sessions at Keycloak, whichever application they are of. @throws GatewayError provider_unavailable */
  endOfUser(user: UserName): Promise<void>;
  /** @returns undefined once it was seen that it may, otherwise one sentence that names the setting and the cure. */
  check(): Promise<string | undefined>;
};

/** A refused registration is cured by a person: asking more often would only fill Keycloak's event log. */
const CHECK_PAUSE_MS = 5_000;

/** Keycloak 26 has one code for a wrong secret and for a client without a service account. */
const NO_TOKEN =
  "Keycloak gives KEYCLOAK_ADMIN_CLIENT_ID no token. Copy it and KEYCLOAK_ADMIN_CLIENT_SECRET from the client's registration there, and switch on its service account (Service account roles)";
const NO_ROLE =
  "the service account of KEYCLOAK_ADMIN_CLIENT_ID may not end sessions. Give it the role manage-users of realm-management";

/** @param admin a client of the same realm */
export function createKeycloakSessions(config: ProviderConfig, admin: KeycloakAdminConfig): KeycloakSessions {
  const connect = createProviderConnection({ ...config, ...admin });
  const fetch = createProviderFetch(config);
  const base = config.issuer.replace(/\/realms\/([^/]+)$/, "/admin/realms/$1");

  const accessToken = async (): Promise<string> => {
    const { configuration } = await connect();
    const grant = await oidc.clientCredentialsGrant(configuration).catch((error: unknown) => {
      throw unavailable(grantFault(error), error);
    });
    return grant.access_token;
  };
  /** @returns the status of the answer, which is all that matters */
  const ask = async (method: "POST" | "DELETE", path: string, token?: string): Promise<number> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(base + path, { method, headers }).catch((error: unknown) => {
      throw unavailable(`Keycloak's Admin REST API cannot be reached (${faultOf(error)})`, error);
    });
    return response.status;
  };
  /** By the end of a session that is not there: refused without the right to end one, and changing nothing with it. */
  const prove = async (): Promise<true> => {
    const nowhere = `/sessions/${randomUUID()}`;
    const token = await accessToken();
    if ((await ask("DELETE", nowhere)) !== 401)
      throw unavailable(
        `there is no Admin REST API at ${base}. Open it to the gateway, by OIDC_INTERNAL_URL where browsers must not reach it`,
      );
    const status = await ask("DELETE", nowhere, token);
    if (status !== 404) throw unavailable(refusal(status));
    return true;
  };
  const proven = memoizeSuccess(prove, CHECK_PAUSE_MS);

  return {
    async endOfUser({ issuer, subject }) {
      if (issuer !== config.issuer) throw unavailable("the user is of another issuer");
      const status = await ask("POST", `/users/${encodeURIComponent(subject)}/logout`, await accessToken());
      // 404: deleted there, and its sessions with it.
      if (status !== 204 && status !== 404) throw unavailable(refusal(status));
    },
    async check() {
      try {
        await proven();
        return undefined;
      } catch (error) {
        return error instanceof GatewayError ? (error.reason ?? error.code) : "Keycloak cannot be reached";
      }
    },
  };
}

function grantFault(error: unknown): string {
  if (isRefusedClient(error)) return NO_TOKEN;
  if (error instanceof oidc.ResponseBodyError) return `Keycloak answered ${wordOf(error.error)} to the service account`;
  return `Keycloak cannot be reached (${faultOf(error)})`;
}

function faultOf(error: unknown): string {
  return neverSentCode(error) ?? refusedResponse(error)?.message ?? "no answer";
}

function refusal(status: number): string {
  return status === 401 || status === 403 ? NO_ROLE : `Keycloak's Admin REST API answered ${status}`;
}

function unavailable(reason: string, cause?: unknown): GatewayError {
  return new GatewayError("provider_unavailable", { reason, cause });
}
