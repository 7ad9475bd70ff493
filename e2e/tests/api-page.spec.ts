// The API page: requests, responses, API errors, cancellation and event streams.
import { expect, test } from "../support/test.ts";

test.beforeEach(async ({ loggedInPage, user }) => {
  await loggedInPage.goto("/call");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
});

test("a message is sent, its response is shown, and the gateway attaches the bearer token", async ({
  page,
  user,
  system,
}) => {
  await page.getByLabel("Message").fill("good evening");
  await page.getByRole("button", { name: "Send" }).click();
  const responsePanel = page.getByRole("region", { name: "Response" });
  await expect(responsePanel).toContainText('"message": "good eveningReceived"');
  await expect(responsePanel).toContainText(user.sub);
  await expect(page.getByRole("region", { name: "Request" })).toContainText("GET /api/protected?message=good+evening");
  await expect(page.getByRole("region", { name: "Last calls" })).toContainText("200");
  const received = system.api.requests.find(({ sub }) => sub === user.sub);
  expect(received?.headers["authorization"]).toMatch(/^Bearer /);
  expect(received?.headers["cookie"]).toBeUndefined();
});

test("markup, quotes and non-Latin text are shown as typed", async ({ page }) => {
  const message = `<img src=x onerror="alert(1)"> & "quotes" ' \\ ${"日本語 🎟️"}`;
  await page.getByLabel("Message").fill(message);
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("region", { name: "Response" })).toContainText(JSON.stringify(`${message}Received`));
  await expect(page.getByRole("main").locator("img")).toHaveCount(0);
});

test("invalid input shows the API's own error message", async ({ page }) => {
  const responsePanel = page.getByRole("region", { name: "Response" });
  await page.getByLabel("Message").fill("");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(responsePanel).toContainText("Give message once, with a value.");
  await expect(responsePanel).toContainText("parameter_missing");

  await page.goto(`/call?message=${"x".repeat(300)}`);
  await page.getByRole("button", { name: "Send" }).click();
  await expect(responsePanel).toContainText("message may have at most 200 characters.");

  await page.goto("/call?message=still-here");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(responsePanel).toContainText("still-hereReceived");
});

test("an unreachable API is shown as such, and a retry after the outage succeeds", async ({ page, user, system }) => {
  const responsePanel = page.getByRole("region", { name: "Response" });
  await system.api.down();
  try {
    await page.getByRole("button", { name: "Send" }).click();
    await expect(responsePanel).toContainText("The API cannot be reached");
    await expect(responsePanel).toContainText("502");
    await expect(responsePanel).toContainText("upstream_unreachable");
    // The session is not affected.
    await expect(page.getByRole("banner")).toContainText(user.name);
    await expect(page.getByText("We cannot check your session")).toHaveCount(0);
  } finally {
    await system.api.up();
  }
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(responsePanel).toContainText("probeReceived");
});

test("a slow call shows that it is pending, and cancelling it aborts the request at the API", async ({
  page,
  user,
  system,
}) => {
  await page.getByLabel("Resource").selectOption({ label: "/api/slow (8 s)" });
  await page.getByRole("button", { name: "Send" }).click();
  const responsePanel = page.getByRole("region", { name: "Response" });
  await expect(responsePanel).toContainText("Still waiting for the API");
  await responsePanel.getByRole("button", { name: "Cancel" }).click();
  await expect(responsePanel).toContainText("Cancelled.");
  const slowCalls = () => system.api.requests.filter(({ url, sub }) => url.startsWith("/slow") && sub === user.sub);
  await expect.poll(() => slowCalls().map(({ aborted }) => aborted)).toEqual([true]);
});

test("events of a stream are shown as they arrive", async ({ page, user, system }) => {
  const events = page.getByRole("region", { name: "Live events" });
  await page.getByRole("button", { name: "Start listening" }).click();
  await expect(events).toContainText("Listening");
  await expect(events.getByRole("listitem").first()).toContainText(`"for":"${user.username}"`);
  await expect(events).toContainText('"number":2');
  await page.getByRole("button", { name: "Stop listening" }).click();
  await expect.poll(() => system.api.openEventStreams()).toBe(0);
});
