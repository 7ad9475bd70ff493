// The page that searches everything a script can read for tokens.
import { expect, test } from "../support/test.ts";

for (const isLoggedIn of [false, true])
  test(`the page finds no token in the browser while ${isLoggedIn ? "" : "not "}logged in`, async ({
    page,
    loggedInPage,
    context,
    user,
  }) => {
    if (!isLoggedIn) await context.clearCookies();
    await loggedInPage.goto("/under-the-hood");
    if (isLoggedIn) await expect(page.getByRole("banner")).toContainText(user.name);
    const search = page.getByRole("region", { name: "What this browser can see" });
    await expect(search).toContainText(/No token found in \d+ places\./);
    await expect(search).toContainText(isLoggedIn ? "while logged in" : "while not logged in");
    await expect(search).not.toContainText("Looks like a token");
    await expect(search).not.toContainText("Not checked");
  });

test("the page finds a token in the browser's storage", async ({ loggedInPage, user }) => {
  await loggedInPage.goto("/under-the-hood");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  const search = loggedInPage.getByRole("region", { name: "What this browser can see" });
  await expect(search).toContainText("No token found");
  const jwt = [{ alg: "RS256" }, { sub: "alice" }].map((part) => btoa(JSON.stringify(part))).join(".");
  await loggedInPage.evaluate((text) => localStorage.setItem("token", text), `${jwt}.c2lnbmF0dXJl`);
  await loggedInPage.getByRole("button", { name: "Look again" }).click();
  await expect(search).toContainText("Something that looks like a token is in 1 place of");
});

test("the page shows that the API received no cookie and a bearer token attached by the gateway", async ({
  loggedInPage,
  user,
}) => {
  await loggedInPage.goto("/under-the-hood");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  const body = loggedInPage.getByRole("listitem").filter({ hasText: "Body of GET /api/echo" });
  await expect(body).toContainText(`"sub":"${user.sub}"`);
  await expect(body).toContainText('"present":true');
  await expect(body).not.toContainText('"cookie"');
});
