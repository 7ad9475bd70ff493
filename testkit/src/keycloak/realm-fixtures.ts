// Users and clients for tests, created through Keycloak's Admin REST API.
import { randomBytes } from "node:crypto";
import type { KeycloakAdmin } from "./admin.ts";
import { CLIENT_ID } from "./realm.ts";

export type TestUser = { id: string; username: string; password: string };

export type UserOptions = {
  username?: string;
  password?: string;
  firstName?: string;
  lastName?: string;
  email?: string;
  groups?: string[];
  department?: string;
  requiredActions?: string[];
};

export const generatePassword = () => randomBytes(18).toString("base64url");

export async function createUser(admin: KeycloakAdmin, options: UserOptions = {}): Promise<TestUser> {
  const { username = `user-${randomBytes(5).toString("hex")}`, password = generatePassword() } = options;
  const { headers } = await admin.send("POST", "/demo/users", {
    username,
    email: options.email ?? `${username}@example.com`,
    firstName: options.firstName ?? "Test",
    lastName: options.lastName ?? username,
    enabled: true,
    emailVerified: true,
    attributes: { department: [options.department ?? "engineering"] },
    groups: options.groups ?? ["/engineering"],
    requiredActions: options.requiredActions ?? [],
    credentials: [{ type: "password", value: password, temporary: false }],
  });
  return { id: headers.get("location")?.split("/").at(-1) ?? "", username, password };
}

export type TestClient = { clientId: string; secret: string };

type Registration = Record<string, unknown> & { id: string; attributes: Record<string, string> };
type Role = { id: string; name: string };

/** Creates a copy of the realm's client for another gateway origin, with its own secret. */
export async function createClient(
  admin: KeycloakAdmin,
  gatewayOrigin: string,
  attributes: Readonly<Record<string, string>> = {},
): Promise<TestClient> {
  const [template] = await admin.get<Registration[]>(`/demo/clients?clientId=${CLIENT_ID}`);
  if (template === undefined) throw new Error(`the realm has no client ${CLIENT_ID}`);
  const { id: templateId, ...registration } = template;
  const clientId = `${CLIENT_ID}-${randomBytes(4).toString("hex")}`;
  const secret = randomBytes(32).toString("base64url");
  const { headers } = await admin.send("POST", "/demo/clients", {
    ...registration,
    protocolMappers: (registration["protocolMappers"] as Record<string, unknown>[]).map(({ id: _id, ...rest }) => rest),
    clientId,
    secret,
    rootUrl: gatewayOrigin,
    redirectUris: [`${gatewayOrigin}/bff/callback`],
    attributes: {
      ...registration.attributes,
      "post.logout.redirect.uris": `${gatewayOrigin}/bff/logout/return##${gatewayOrigin}/logged-out`,
      "backchannel.logout.url": `${gatewayOrigin}/bff/backchannel-logout`,
      ...attributes,
    },
  });
  const id = headers.get("location")?.split("/").at(-1) ?? "";
  const roles = await admin.get<Role[]>(`/demo/clients/${templateId}/scope-mappings/realm`);
  await admin.send("POST", `/demo/clients/${id}/scope-mappings/realm`, roles);
  return { clientId, secret };
}

/** The user's sessions at Keycloak. */
export async function listProviderSessions(admin: KeycloakAdmin, user: { id: string }): Promise<{ id: string }[]> {
  return admin.get<{ id: string }[]>(`/demo/users/${user.id}/sessions`);
}
