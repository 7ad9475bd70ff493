// Real logins: through the contestant's own login, the provider's form and back.
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { formBrowser, type FormBrowser } from "@cloakroom/testing/form-browser.ts";
import type { Contestant, Running } from "./contestant.ts";
import type { Person } from "./environment.ts";

/** @returns a head that a browser of that person would send; without a session for those that know none */
export async function logIn(
  contestant: Contestant,
  { origin }: Running,
  person: Person,
): Promise<Record<string, string>> {
  const { login, headers = {}, name } = contestant;
  if (login === undefined) return headers;
  const browser = await loggedIn(origin + login.path, person);
  const cookie = cookieOf(browser);
  if (cookie === "") throw new Error(`${name}: the login left no cookie`);
  return { ...headers, cookie };
}

export async function loggedIn(loginUrl: string, person: Person): Promise<FormBrowser> {
  const browser = formBrowser();
  const page = await browser.open(loginUrl);
  await browser.submit(page, person);
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

/** Forwards with a session, and without one only where it knows none: otherwise the numbers would mean nothing. */
export async function checkForwarding(
  { name, login, headers = {} }: Contestant,
  { origin }: Running,
  person: Record<string, string>,
): Promise<void> {
  const url = `${origin}/api/protected`;
  const answer = await request(url, { headers: person });
  const text = await answer.body.text();
  if (answer.statusCode !== 200 || !text.includes("probeReceived"))
    throw new Error(`${name} answered ${answer.statusCode} to somebody who is logged in: ${text.slice(0, 200)}`);
  if (login === undefined) return;
  const stranger = await request(url, { headers });
  await stranger.body.dump();
  if (stranger.statusCode === 200) throw new Error(`${name} forwarded for somebody who is not logged in`);
}

const NAVIGATION = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

/** Cloakroom and others ask the provider who it is when they start. */
export async function untilItLogsIn({ login, name }: Contestant, { origin }: Running): Promise<void> {
  if (login === undefined) return;
  for (let attempt = 0; attempt < 100; attempt++) {
    const { statusCode, body } = await request(origin + login.path, { headers: NAVIGATION });
    await body.dump();
    if (statusCode === 302 || statusCode === 303) return;
    await sleep(100);
  }
  throw new Error(`${name} begins no login`);
}
