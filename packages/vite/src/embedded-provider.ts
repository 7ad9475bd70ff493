// The OpenID Provider of @cloakroom/testing in Vite's process, with the gateway as its client. For development only.
import { randomBytes } from "node:crypto";
import type { EmbeddedProviderOptions } from "./options.ts";

const DEFAULT_PORT = 4000;

export type EmbeddedProvider = {
  readonly issuer: string;
  /** Settings of the gateway for this provider. */
  readonly settings: {
    OIDC_ISSUER: string;
    OIDC_CLIENT_ID: string;
    OIDC_CLIENT_SECRET: string;
    INSECURE_COOKIES: string;
  };
  stop(): Promise<void>;
};

const CLIENT_ID = "cloakroom";

/** On a free port if the requested one is taken. */
export async function startEmbeddedProvider(
  { port = DEFAULT_PORT, users, resource }: EmbeddedProviderOptions,
  origin: string,
): Promise<EmbeddedProvider> {
  // Loaded only here: builds and servers without the embedded provider never contain it.
  const { startProvider } = await import("@cloakroom/testing/provider");
  const clientSecret = randomBytes(32).toString("base64url");
  const options = {
    clients: [
      {
        clientId: CLIENT_ID,
        clientSecret,
        clientName: "Your app",
        redirectUris: [`${origin}/bff/callback`],
        postLogoutRedirectUris: [`${origin}/bff/logout/return`],
        backchannelLogoutUri: `${origin}/bff/backchannel-logout`,
      },
    ],
    ...(users === undefined ? {} : { users }),
    ...(resource === undefined ? {} : { resource }),
  };
  const provider = await startProvider({ ...options, port }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    return startProvider({ ...options, port: 0 });
  });
  return {
    issuer: provider.issuer,
    settings: {
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: CLIENT_ID,
      OIDC_CLIENT_SECRET: clientSecret,
      // WebKit stores no Secure cookie over http, not even on localhost.
      INSECURE_COOKIES: "loopback",
    },
    stop: provider.stop,
  };
}

/** The users that a developer can log in as, with their passwords. */
export async function embeddedUsers(
  users: EmbeddedProviderOptions["users"],
): Promise<readonly { username: string; password: string }[]> {
  if (users !== undefined) return users;
  const { DEMO_USERS } = await import("@cloakroom/testing/provider");
  return DEMO_USERS;
}
