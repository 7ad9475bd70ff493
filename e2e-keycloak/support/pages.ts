// What a person does at Keycloak's pages and at the application's.
import { expect, type Page } from "@playwright/test";
import { oneTimeCode } from "./totp.ts";

type Credentials = { username: string; password: string };

export async function fillLoginForm(page: Page, { username, password }: Credentials): Promise<void> {
  await page.getByLabel(/username/i).fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
}

/** Submits a form that Keycloak shows again with a message, and waits until it is there again. */
export async function submitRejected(page: Page, submit: () => Promise<void>, message: RegExp): Promise<void> {
  const reloaded = page.waitForEvent("domcontentloaded");
  await submit();
  await reloaded;
  await expect(page.getByText(message).first()).toBeVisible();
}

export const submitWrongPassword = (page: Page, user: Credentials): Promise<void> =>
  submitRejected(page, () => fillLoginForm(page, user), /invalid username or password/i);

export async function logIn(page: Page, origin: string, user: Credentials): Promise<void> {
  await page.goto(`${origin}/bff/login`);
  await fillLoginForm(page, user);
  await page.waitForURL(`${origin}/**`);
}

/** Sets up a code generator as somebody who cannot scan the picture. @returns its secret */
export async function enrol(page: Page): Promise<string> {
  await page.getByRole("link", { name: /unable to scan/i }).click();
  const secret = (await page.locator("#kc-totp-secret-key").textContent()) ?? "";
  // Keycloak's labels on this page belong to no field.
  await page.locator("#totp").fill(oneTimeCode(secret));
  await page.locator("#userLabel").fill("test phone");
  await page.getByRole("button", { name: "Submit" }).click();
  return secret;
}

export type Answer = { status: number; body: Record<string, unknown> };

/** A call of the application's own, from its page. */
export async function call(page: Page, path: string, method = "GET"): Promise<Answer> {
  return page.evaluate(
    async ([target, verb]) => {
      const response = await fetch(target, { method: verb, headers: { "X-CSRF": "1", accept: "application/json" } });
      const text = await response.text();
      return { status: response.status, body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
    },
    [path, method] as const,
  );
}

export type UserAnswer = {
  user: (Record<string, unknown> & { roles: string[] }) | null;
  session: { acr: string | null; authTime: string | null } | null;
};

export async function currentUser(page: Page): Promise<UserAnswer> {
  const { status, body } = await call(page, "/bff/user");
  expect(status).toBe(200);
  return body as UserAnswer;
}

/** Logs out as the application does: the gateway first, then Keycloak, then home. */
export async function logOut(page: Page, origin: string): Promise<void> {
  const { status, body } = await call(page, "/bff/logout", "POST");
  expect(status).toBe(200);
  await page.goto(body["location"] as string);
  await page.waitForURL(`${origin}/logged-out`);
}
