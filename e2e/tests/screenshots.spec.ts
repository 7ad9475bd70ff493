// Screenshots of every page for visual review: E2E_SCREENSHOTS=folder npm run e2e -- -g @screenshots
import { resolve } from "node:path";
import type { Page } from "@playwright/test";
import { logInByHttp } from "../support/users.ts";
import { isOnKeycloak, passwordField } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

/** Relative to the folder in which npm was started. */
const FOLDER = resolve(process.env["INIT_CWD"] ?? "", process.env["E2E_SCREENSHOTS"] ?? "screenshots");
const SIZES = [
  { width: 320, height: 568 },
  { width: 390, height: 844 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
];
const SCHEMES = ["light", "dark"] as const;

type Shot = { name: string; path: string; ready?: (page: Page) => Promise<unknown> };

const showResponse = async (page: Page) => {
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("region", { name: "Response" })).toContainText("Received");
};
const showSearchResult = (page: Page) => expect(page.getByText(/No token found in/)).toBeVisible();
const showForbidden = (page: Page) => expect(page.getByText("insufficient_scope")).toBeVisible();
const showAdminResponse = (page: Page) => expect(page.getByText("You are an administrator.")).toBeVisible();
const showProviderLogin = (page: Page) => expect(passwordField(page)).toBeVisible();

const PAGES: readonly Shot[] = [
  { name: "home", path: "/" },
  { name: "profile", path: "/profile" },
  { name: "call", path: "/call" },
  { name: "admin", path: "/admin" },
  { name: "under-the-hood", path: "/under-the-hood", ready: showSearchResult },
  { name: "logged-out", path: "/logged-out" },
  { name: "not-found", path: "/no-such-page" },
];
const SHOTS_BY_USER: Readonly<Record<string, readonly Shot[]>> = {
  anonymous: [
    ...PAGES,
    { name: "provider", path: "/bff/login", ready: showProviderLogin },
    { name: "gateway-error", path: "/bff/callback?state=x&code=y" },
    { name: "provider-unreachable", path: "/logged-out?provider=unreachable" },
  ],
  alice: [
    ...PAGES.filter(({ name }) => name !== "admin"),
    { name: "call-response", path: "/call", ready: showResponse },
    { name: "admin-forbidden", path: "/admin", ready: showForbidden },
  ],
  admin: [
    { name: "home", path: "/" },
    { name: "admin", path: "/admin", ready: showAdminResponse },
  ],
};

for (const { width, height } of SIZES)
  for (const colorScheme of SCHEMES)
    for (const [username, shots] of Object.entries(SHOTS_BY_USER))
      test(`every page renders for ${username}, ${width} px wide, ${colorScheme} @screenshots`, async ({
        newBrowser,
        system,
      }) => {
        test.skip(isOnKeycloak, "e2e-keycloak takes the screenshots of Keycloak");
        const { context } = await newBrowser({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
        if (username !== "anonymous")
          await logInByHttp(context, system, { username, password: `${username}-demo-password` });
        const page = await context.newPage();
        for (const { name, path, ready } of shots) {
          await page.goto(path);
          await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
          await ready?.(page);
          const file = `${name}-${username}-${width}-${colorScheme}.png`;
          await page.screenshot({ path: resolve(FOLDER, file), fullPage: true });
        }
      });
