// A provider and a resource API that accepts its tokens.
import { startResourceApi, type ApiOptions, type ResourceApi } from "../src/api/start-resource-api.ts";
import type { ProviderHandle, User } from "@cloakroom/testing/provider/types.ts";
import { startTestProvider } from "@cloakroom/testing/provider-client.ts";

export type ApiSystem = {
  provider: ProviderHandle;
  api: ResourceApi;
  /** An access token like the provider's, with overridden claims and header parameters. */
  token: (user: User, claims?: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>;
  fetch: (path: string, token?: string, init?: RequestInit) => Promise<Response>;
  stop: () => Promise<void>;
};

export async function startApiSystem(options: Partial<ApiOptions> = {}): Promise<ApiSystem> {
  const provider = await startTestProvider();
  const api = await startResourceApi({ port: 0, issuer: provider.issuer, recordRequests: true, ...options });
  return {
    provider,
    api,
    token: (user, claims, header) => {
      const nowSeconds = Math.floor(Date.now() / 1000);
      const defaults = {
        iss: provider.issuer,
        aud: provider.resource,
        sub: user.sub,
        iat: nowSeconds,
        exp: nowSeconds + 60,
        scope: "openid profile email",
        preferred_username: user.username,
        roles: user.roles,
        department: user.department,
      };
      return provider.sign({ ...defaults, ...claims }, { typ: "at+jwt", ...header });
    },
    fetch: (path, token, init = {}) =>
      fetch(`${api.url}${path}`, {
        ...init,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(init.headers as Record<string, string> | undefined),
        },
      }),
    stop: async () => {
      await api.stop();
      await provider.stop();
    },
  };
}

export function findUser(provider: ProviderHandle, name: string): User {
  const user = provider.user(name);
  if (user === undefined) throw new Error(`no user ${name}`);
  return user;
}
