// User actions on Keycloak's pages and in the app.
import { expect, type Page } from "@playwright/test";
import { oneTimeCode } from "./totp.ts";

type Credentials = { username: string; password: string };

export async function fillLoginForm(page: Page, { username, password }: Credentials): Promise<void> {
  await page.getByLabel(/username/i).fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
}

/** Submits a form with input that Keycloak rejects, and waits for the reloaded form with the message. */
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

/** Enrols a one-time code generator by its text secret. @returns the secret, base32 */
export async function enrolOneTimeCode(page: Page): Promise<string> {
  await page.getByRole("link", { name: /unable to scan/i }).click();
  const secret = (await page.locator("#kc-totp-secret-key").textContent()) ?? "";
  // Keycloak's labels on this page are not associated with the fields.
  await page.locator("#totp").fill(oneTimeCode(secret));
  await page.locator("#userLabel").fill("test phone");
  await page.getByRole("button", { name: "Submit" }).click();
  return secret;
}

export type JsonResponse = { status: number; body: Record<string, unknown> };

/** Sends a request as a script of the app. */
export async function call(page: Page, path: string, method = "GET"): Promise<JsonResponse> {
  return page.evaluate(
    async ([target, verb]) => {
      const response = await fetch(target, { method: verb, headers: { "X-CSRF": "1", accept: "application/json" } });
      const text = await response.text();
      return { status: response.status, body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
    },
    [path, method] as const,
  );
}

export type UserResponse = {
  user: (Record<string, unknown> & { roles: string[] }) | null;
  session: { acr: string | null; authTime: string | null } | null;
};

export async function fetchUser(page: Page): Promise<UserResponse> {
  const { status, body } = await call(page, "/bff/user");
  expect(status).toBe(200);
  return body as UserResponse;
}

/** Logs out as the app does: at the gateway, then at Keycloak, which redirects back to the app. */
export async function logOut(page: Page, origin: string): Promise<void> {
  const { status, body } = await call(page, "/bff/logout", "POST");
  expect(status).toBe(200);
  await page.goto(new URL(body["location"] as string, origin).href);
  await page.waitForURL(`${origin}/logged-out`);
}
