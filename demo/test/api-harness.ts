// A provider and an API that trusts it, and the requests tests send to it.
import { startResourceApi, type ApiOptions, type ResourceApi } from "../src/api/start-api.ts";
import type { ProviderHandle, User } from "@cloakroom/testing/provider/types.ts";
import { startTestProvider } from "@cloakroom/testing/provider-client.ts";

export type Harness = {
  provider: ProviderHandle;
  api: ResourceApi;
  /** An access token such as the provider issues, with these members changed. */
  token: (user: User, claims?: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>;
  call: (path: string, token?: string, init?: RequestInit) => Promise<Response>;
  stop: () => Promise<void>;
};

export async function startHarness(options: Partial<ApiOptions> = {}): Promise<Harness> {
  const provider = await startTestProvider();
  const api = await startResourceApi({ port: 0, issuer: provider.issuer, recordRequests: true, ...options });
  return {
    provider,
    api,
    token: (user, claims, header) => {
      const nowSeconds = Math.floor(Date.now() / 1000);
      const good = {
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
      return provider.sign({ ...good, ...claims }, { typ: "at+jwt", ...header });
    },
    call: (path, token, init = {}) =>
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

export function knownUser(provider: ProviderHandle, name: string): User {
  const user = provider.user(name);
  if (user === undefined) throw new Error(`no user ${name}`);
  return user;
}
