// OpenID Connect client for tests of the provider: one function per protocol step, without validation.
import { createHash, randomBytes } from "node:crypto";
import { startProvider } from "./provider/start-provider.ts";
import type { ProviderHandle, ProviderOptions } from "./provider/types.ts";
import { formBrowser, type FormBrowser, type Page } from "./form-browser.ts";

export const CLIENT = {
  clientId: "test-client",
  clientSecret: randomBytes(24).toString("base64url"),
  redirectUris: ["http://localhost:3000/bff/callback"],
  postLogoutRedirectUris: ["http://localhost:3000/logged-out"],
  backchannelLogoutUri: "http://127.0.0.1:9/bff/backchannel-logout",
};

export const ALICE = { username: "alice", password: "alice-demo-password" };

export type TokenResponse = {
  status: number;
  access_token: string;
  refresh_token: string;
  id_token: string;
  error?: string;
  [member: string]: unknown;
};

export function startTestProvider(options: ProviderOptions = {}): Promise<ProviderHandle> {
  return startProvider({ port: 0, passwordCost: 2 ** 10, clients: [CLIENT], ...options });
}

export const newBrowser = (): FormBrowser => formBrowser({ stopAt: /^http:\/\/localhost:3000\// });

export type LoginAttempt = { url: string; verifier: string; params: Record<string, string> };

/** An authorization request with PKCE, state and nonce. */
export function createLoginAttempt(provider: ProviderHandle, extra: Record<string, string> = {}): LoginAttempt {
  const verifier = randomBytes(32).toString("base64url");
  const params = {
    client_id: CLIENT.clientId,
    response_type: "code",
    redirect_uri: CLIENT.redirectUris[0] ?? "",
    scope: "openid profile email",
    state: randomBytes(8).toString("hex"),
    nonce: randomBytes(8).toString("hex"),
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...extra,
  };
  return { url: `${provider.issuer}/auth?${new URLSearchParams(params).toString()}`, verifier, params };
}

export async function tokenRequest(
  provider: ProviderHandle,
  form: Record<string, string>,
  { authorization = basicAuthorization() }: { authorization?: string } = {},
): Promise<TokenResponse> {
  const response = await fetch(`${provider.issuer}/token`, {
    method: "POST",
    headers: authorization === "" ? {} : { authorization },
    body: new URLSearchParams(form),
  });
  return { ...((await response.json()) as TokenResponse), status: response.status };
}

export const basicAuthorization = (): string =>
  `Basic ${Buffer.from(`${CLIENT.clientId}:${CLIENT.clientSecret}`).toString("base64")}`;

export const callbackParams = (page: Page): URLSearchParams => new URL(page.url).searchParams;

export function redeemCode(provider: ProviderHandle, code: string, { verifier }: LoginAttempt): Promise<TokenResponse> {
  const redirect_uri = CLIENT.redirectUris[0] ?? "";
  return tokenRequest(provider, { grant_type: "authorization_code", code, code_verifier: verifier, redirect_uri });
}

export const refreshTokens = (provider: ProviderHandle, refresh_token: string): Promise<TokenResponse> =>
  tokenRequest(provider, { grant_type: "refresh_token", refresh_token });

/** A complete login, by default of alice in a new browser. */
export async function logIn(
  provider: ProviderHandle,
  user: { username: string; password: string } = ALICE,
  browser: FormBrowser = newBrowser(),
): Promise<{ tokens: TokenResponse; browser: FormBrowser }> {
  const login = createLoginAttempt(provider);
  const back = await browser.submit(await browser.open(login.url), user, /\/login$/);
  return { tokens: await redeemCode(provider, callbackParams(back).get("code") ?? "", login), browser };
}
