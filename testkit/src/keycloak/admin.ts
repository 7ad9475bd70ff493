// Client for Keycloak's Admin REST API.
import type { AdminCredentials } from "./start-keycloak.ts";

export type KeycloakAdmin = {
  /** @param path below /admin/realms, e.g. `/demo/users` @throws Error for every response except 2xx */
  get: <T>(path: string) => Promise<T>;
  send: (method: "POST" | "PUT" | "DELETE", path: string, body?: unknown) => Promise<Response>;
};

const timeoutMs = 15_000;

export function keycloakAdmin({ origin, admin }: { origin: string; admin: AdminCredentials }): KeycloakAdmin {
  /** A new token per call: it is valid for one minute only. */
  const accessToken = async (): Promise<string> => {
    const response = await fetch(`${origin}/realms/master/protocol/openid-connect/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "password", client_id: "admin-cli", ...admin }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) throw new Error(`Keycloak rejected the administrator's login: ${response.status}`);
    return ((await response.json()) as { access_token: string }).access_token;
  };
  const call = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const response = await fetch(`${origin}/admin/realms${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await accessToken()}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) throw new Error(`${method} ${path} failed with ${response.status}: ${await response.text()}`);
    return response;
  };
  return {
    get: async <T>(path: string) => (await (await call("GET", path)).json()) as T,
    send: call,
  };
}
