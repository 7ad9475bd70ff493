// Logs a browser context in without its pages: the authorization code flow by the requests that a browser would send. The
// session is an ordinary one, and the cookies are those that the gateway has set.
import type { APIResponse, BrowserContext } from "@playwright/test";
import type { Credentials } from "../client.ts";

export type LoginRequest = {
  context: BrowserContext;
  /** The gateway's public origin. */
  origin: string;
  user: Credentials;
  /** Matches the login form in the provider's page; group 1 is its action. */
  loginForm?: RegExp;
};

const EMBEDDED_LOGIN_FORM = /action="([^"]+\/login)"/;
/** Cookies of the embedded provider. */
const PROVIDER_COOKIES = /^provider_/;

/** @throws Error if the gateway does not begin a session */
export async function logIn(request: LoginRequest): Promise<void> {
  const { context, origin, user } = request;
  // The provider's session could belong to another user.
  await context.clearCookies({ name: PROVIDER_COOKIES });
  const callback = await context.request.get(await obtainCallbackUrl(request), { maxRedirects: 0 });
  if (callback.status() !== 303)
    throw new Error(`Login of ${user.username}: ${origin}/bff/callback responded ${await describe(callback)}`);
}

/** Logs in at the provider. @returns the callback URL with its authorization code, not yet requested */
export async function obtainCallbackUrl({
  context,
  origin,
  user: { username, password },
  loginForm = EMBEDDED_LOGIN_FORM,
}: LoginRequest): Promise<string> {
  const page = await context.request.get(`${origin}/bff/login`);
  const [, action] = loginForm.exec(await page.text()) ?? [];
  if (action === undefined) throw new Error(`No login form: ${withoutQuery(page)} responded ${await describe(page)}`);
  let response = await context.request.post(new URL(action.replaceAll("&amp;", "&"), page.url()).href, {
    form: { username, password },
    maxRedirects: 0,
  });
  for (;;) {
    const location = await locationOf(response, username);
    if (location.startsWith(`${origin}/bff/callback`)) return location;
    response = await context.request.get(location, { maxRedirects: 0 });
  }
}

async function locationOf(response: APIResponse, username: string): Promise<string> {
  const { location } = response.headers();
  if (location !== undefined) return new URL(location, response.url()).href;
  throw new Error(`Login of ${username}: ${withoutQuery(response)} responded ${await describe(response)}`);
}

const withoutQuery = (response: APIResponse): string => response.url().replace(/\?.*/s, "");

async function describe(response: APIResponse): Promise<string> {
  return `${response.status()}\n${(await response.text()).slice(0, 2_000)}`;
}
