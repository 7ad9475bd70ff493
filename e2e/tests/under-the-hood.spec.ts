// The page on which the browser searches itself.
import { expect, test } from "../support/test.ts";

for (const who of ["nobody", "a person who is logged in"])
  test(`${who} is shown that this browser holds no token`, async ({ page, loggedIn, context, person }) => {
    if (who === "nobody") await context.clearCookies();
    await loggedIn.goto("/under-the-hood");
    const isLoggedIn = who !== "nobody";
    if (isLoggedIn) await expect(page.getByRole("banner")).toContainText(person.name);
    const search = page.getByRole("region", { name: "What this browser can see" });
    await expect(search).toContainText(/No token found in \d+ places\./);
    await expect(search).toContainText(isLoggedIn ? "while logged in" : "while not logged in");
    await expect(search).not.toContainText("Looks like a token");
    await expect(search).not.toContainText("Not checked");
  });

test("the page finds a token that somebody puts into the browser's storage", async ({ loggedIn, person }) => {
  await loggedIn.goto("/under-the-hood");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  const search = loggedIn.getByRole("region", { name: "What this browser can see" });
  await expect(search).toContainText("No token found");
  const jwt = [{ alg: "RS256" }, { sub: "somebody" }].map((part) => btoa(JSON.stringify(part))).join(".");
  await loggedIn.evaluate((text) => localStorage.setItem("token", text), `${jwt}.c2lnbmF0dXJl`);
  await loggedIn.getByRole("button", { name: "Look again" }).click();
  await expect(search).toContainText("Something that looks like a token is in 1 place of");
});

test("the page shows what reached the API: no cookie, and a token that came from the gateway", async ({
  loggedIn,
  person,
}) => {
  await loggedIn.goto("/under-the-hood");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  const body = loggedIn.getByRole("listitem").filter({ hasText: "Body of GET /api/echo" });
  await expect(body).toContainText(`"sub":"${person.sub}"`);
  await expect(body).toContainText('"present":true');
  await expect(body).not.toContainText('"cookie"');
});
