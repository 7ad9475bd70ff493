// Pictures of every page, to be looked at by people: E2E_SCREENSHOTS=folder npm run e2e -- -g @screenshots
import { resolve } from "node:path";
import type { Page } from "@playwright/test";
import { logInQuietly } from "../support/people.ts";
import { isOnKeycloak, passwordField } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

/** As the person meant it who ran npm, not from here. */
const FOLDER = resolve(process.env["INIT_CWD"] ?? "", process.env["E2E_SCREENSHOTS"] ?? "screenshots");
const SIZES = [
  { width: 320, height: 568 },
  { width: 390, height: 844 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
];
const SCHEMES = ["light", "dark"] as const;

type Shot = { name: string; path: string; ready?: (page: Page) => Promise<unknown> };

const answered = async (page: Page) => {
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("region", { name: "Response" })).toContainText("Received");
};
const searched = (page: Page) => expect(page.getByText(/No token found in/)).toBeVisible();
const refused = (page: Page) => expect(page.getByText("insufficient_scope")).toBeVisible();
const administered = (page: Page) => expect(page.getByText("You are an administrator.")).toBeVisible();
const atProvider = (page: Page) => expect(passwordField(page)).toBeVisible();

const PAGES: readonly Shot[] = [
  { name: "home", path: "/" },
  { name: "profile", path: "/profile" },
  { name: "call", path: "/call" },
  { name: "admin", path: "/admin" },
  { name: "under-the-hood", path: "/under-the-hood", ready: searched },
  { name: "logged-out", path: "/logged-out" },
  { name: "not-found", path: "/no-such-page" },
];
const FOR: Readonly<Record<string, readonly Shot[]>> = {
  nobody: [
    ...PAGES,
    { name: "provider", path: "/bff/login", ready: atProvider },
    { name: "gateway-error", path: "/bff/callback?state=x&code=y" },
    { name: "provider-unreachable", path: "/logged-out?provider=unreachable" },
  ],
  alice: [
    ...PAGES.filter(({ name }) => name !== "admin"),
    { name: "call-answered", path: "/call", ready: answered },
    { name: "admin-refused", path: "/admin", ready: refused },
  ],
  admin: [
    { name: "home", path: "/" },
    { name: "admin", path: "/admin", ready: administered },
  ],
};

for (const { width, height } of SIZES)
  for (const colorScheme of SCHEMES)
    for (const [who, shots] of Object.entries(FOR))
      test(`what ${who} sees, ${width} px wide, ${colorScheme} @screenshots`, async ({ newBrowser, system }) => {
        test.skip(isOnKeycloak, "its pictures are taken in e2e-keycloak");
        const { context } = await newBrowser({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
        if (who !== "nobody") {
          await logInQuietly(context, system, { username: who, password: `${who}-demo-password` });
        }
        const page = await context.newPage();
        for (const { name, path, ready } of shots) {
          await page.goto(path);
          await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
          await ready?.(page);
          const file = `${name}-${who}-${width}-${colorScheme}.png`;
          await page.screenshot({ path: resolve(FOLDER, file), fullPage: true });
        }
      });
