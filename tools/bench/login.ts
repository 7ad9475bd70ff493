// Logs users in through the contestant's login route and the provider's form.
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { formBrowser, type FormBrowser } from "@cloakroom/testing/form-browser.ts";
import type { Contestant, Running } from "./contestant.ts";
import type { User } from "./environment.ts";

/** @returns the request headers of the user's browser, without a cookie for a contestant without sessions */
export async function logIn(contestant: Contestant, { origin }: Running, user: User): Promise<Record<string, string>> {
  const { login, headers = {}, name } = contestant;
  if (login === undefined) return headers;
  const browser = await loggedIn(origin + login.path, user);
  const cookie = cookieOf(browser);
  if (cookie === "") throw new Error(`${name}: the login left no cookie`);
  return { ...headers, cookie };
}

export async function loggedIn(loginUrl: string, user: User): Promise<FormBrowser> {
  const browser = formBrowser();
  const page = await browser.open(loginUrl);
  await browser.submit(page, user);
  return browser;
}

/** The provider is on 127.0.0.1, every contestant on localhost. */
function cookieOf(browser: FormBrowser): string {
  return browser
    .cookies()
    .filter(({ host }) => host === "localhost")
    .map(({ name, value }) => `${name}=${value}`)
    .join("; ");
}

/** Checks that the contestant forwards with a session and, unless it has no sessions, rejects without one. @throws otherwise */
export async function checkForwarding(
  { name, login, headers = {} }: Contestant,
  { origin }: Running,
  userHeaders: Record<string, string>,
): Promise<void> {
  const url = `${origin}/api/protected`;
  const response = await request(url, { headers: userHeaders });
  const text = await response.body.text();
  if (response.statusCode !== 200 || !text.includes("probeReceived"))
    throw new Error(`${name} responded ${response.statusCode} with a session: ${text.slice(0, 200)}`);
  if (login === undefined) return;
  const anonymous = await request(url, { headers });
  await anonymous.body.dump();
  if (anonymous.statusCode === 200) throw new Error(`${name} forwarded a request without a session`);
}

const NAVIGATION = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

/** Some contestants fetch the provider metadata after the start. @throws after about 10 s */
export async function waitForLogin({ login, name }: Contestant, { origin }: Running): Promise<void> {
  if (login === undefined) return;
  for (let attempt = 0; attempt < 100; attempt++) {
    const { statusCode, body } = await request(origin + login.path, { headers: NAVIGATION });
    await body.dump();
    if (statusCode === 302 || statusCode === 303) return;
    await sleep(100);
  }
  throw new Error(`${name} does not start a login`);
}
