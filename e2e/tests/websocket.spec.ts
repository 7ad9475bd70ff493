// WebSockets in Chromium: the session cookie authenticates the handshake, and the end of the session closes them.
import { call } from "../support/page-requests.ts";
import { expect, test } from "../support/test.ts";

test("a WebSocket carries messages both ways, and the API receives the user's bearer token and no cookie", async ({
  loggedInPage,
  user,
  system,
}) => {
  await loggedInPage.goto("/call");
  const panel = loggedInPage.getByRole("region", { name: "Live connection" });
  await panel.getByRole("button", { name: "Connect" }).click();
  await expect(panel).toContainText("Connected.");
  await panel.getByLabel("Say something").fill("good evening 🎟️");
  await panel.getByRole("button", { name: "Say it" }).click();
  await expect(panel.getByRole("listitem")).toHaveText([`${user.username}: good evening 🎟️`]);
  const handshake = system.api.requests.find(({ url, sub }) => url === "/socket" && sub === user.sub);
  expect(handshake?.headers["authorization"]).toMatch(/^Bearer /);
  expect(handshake?.headers["cookie"]).toBeUndefined();
  await panel.getByRole("button", { name: "Disconnect" }).click();
  await expect(panel).toContainText("Not connected.");
});

test("a logout in one tab closes the WebSocket of another tab with code 4401", async ({
  loggedInPage,
  context,
  user,
}) => {
  await loggedInPage.goto("/call");
  const closed = loggedInPage.evaluate(
    () =>
      new Promise<[number, string, boolean]>((resolve) => {
        const socket = new WebSocket("/api/socket");
        socket.addEventListener("close", ({ code, reason, wasClean }) => resolve([code, reason, wasClean]));
        socket.addEventListener("open", () => document.body.setAttribute("data-open", ""));
      }),
  );
  await expect(loggedInPage.locator("body[data-open]")).toBeVisible();
  const other = await context.newPage();
  await other.goto("/");
  await expect(other.getByRole("banner")).toContainText(user.name);
  await call(other, "/bff/logout", { method: "POST" });
  expect(await closed).toEqual([4401, "session_revoked", true]);
});

test("a WebSocket handshake without a session is rejected", async ({ page }) => {
  await page.goto("/");
  const code = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new WebSocket("/api/socket").addEventListener("close", (event) => resolve(event.code));
      }),
  );
  expect(code).toBe(1006);
});
