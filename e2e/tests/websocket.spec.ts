// WebSockets in a real browser: the session opens them, no script sees a token, and the session's end closes them.
import { call } from "../support/calls.ts";
import { expect, test } from "../support/test.ts";

test("a person talks to the API over a WebSocket, and the API knows who it is", async ({
  loggedIn,
  person,
  system,
}) => {
  await loggedIn.goto("/call");
  const panel = loggedIn.getByRole("region", { name: "Live connection" });
  await panel.getByRole("button", { name: "Connect" }).click();
  await expect(panel).toContainText("Connected.");
  await panel.getByLabel("Say something").fill("good evening 🎟️");
  await panel.getByRole("button", { name: "Say it" }).click();
  await expect(panel.getByRole("listitem")).toHaveText([`${person.username}: good evening 🎟️`]);
  const handshake = system.api.requests.find(({ url, sub }) => url === "/socket" && sub === person.sub);
  expect(handshake?.headers["authorization"]).toMatch(/^Bearer /);
  expect(handshake?.headers["cookie"]).toBeUndefined();
  await panel.getByRole("button", { name: "Disconnect" }).click();
  await expect(panel).toContainText("Not connected.");
});

test("a logout in one tab closes the WebSocket of another with 4401", async ({ loggedIn, context, person }) => {
  await loggedIn.goto("/call");
  const closed = loggedIn.evaluate(
    () =>
      new Promise<[number, string, boolean]>((resolve) => {
        const socket = new WebSocket("/api/socket");
        socket.addEventListener("close", ({ code, reason, wasClean }) => resolve([code, reason, wasClean]));
        socket.addEventListener("open", () => document.body.setAttribute("data-open", ""));
      }),
  );
  await expect(loggedIn.locator("body[data-open]")).toBeVisible();
  const other = await context.newPage();
  await other.goto("/");
  await expect(other.getByRole("banner")).toContainText(person.name);
  await call(other, "/bff/logout", { method: "POST" });
  expect(await closed).toEqual([4401, "session_revoked", true]);
});

test("nobody opens one without a session", async ({ page }) => {
  await page.goto("/");
  const code = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new WebSocket("/api/socket").addEventListener("close", (event) => resolve(event.code));
      }),
  );
  expect(code).toBe(1006);
});
