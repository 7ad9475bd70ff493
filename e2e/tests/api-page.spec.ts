// The page that calls the API: what is sent, what comes back, and what happens when nothing does.
import { expect, test } from "../support/test.ts";

test.beforeEach(async ({ loggedIn, person }) => {
  await loggedIn.goto("/call");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
});

test("a message is sent and its answer shown, with the token attached behind the gateway", async ({
  page,
  person,
  system,
}) => {
  await page.getByLabel("Message").fill("good evening");
  await page.getByRole("button", { name: "Send" }).click();
  const answer = page.getByRole("region", { name: "Response" });
  await expect(answer).toContainText('"message": "good eveningReceived"');
  await expect(answer).toContainText(person.sub);
  await expect(page.getByRole("region", { name: "Request" })).toContainText("GET /api/protected?message=good+evening");
  await expect(page.getByRole("region", { name: "Last calls" })).toContainText("200");
  const received = system.api.requests.find(({ sub }) => sub === person.sub);
  expect(received?.headers["authorization"]).toMatch(/^Bearer /);
  expect(received?.headers["cookie"]).toBeUndefined();
});

test("markup, quotes and other scripts come back as the letters that were typed", async ({ page }) => {
  const message = `<img src=x onerror="alert(1)"> & "quotes" ' \\ ${"日本語 🎟️"}`;
  await page.getByLabel("Message").fill(message);
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("region", { name: "Response" })).toContainText(JSON.stringify(`${message}Received`));
  await expect(page.getByRole("main").locator("img")).toHaveCount(0);
});

test("bad input is answered with the API's own words", async ({ page }) => {
  const answer = page.getByRole("region", { name: "Response" });
  await page.getByLabel("Message").fill("");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(answer).toContainText("Give message once, with a value.");
  await expect(answer).toContainText("parameter_missing");

  await page.goto(`/call?message=${"x".repeat(300)}`);
  await page.getByRole("button", { name: "Send" }).click();
  await expect(answer).toContainText("message may have at most 200 characters.");

  await page.goto("/call?message=still-here");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(answer).toContainText("still-hereReceived");
});

test("an API that is down is told apart from a gateway that is down, and the next try succeeds", async ({
  page,
  person,
  system,
}) => {
  const answer = page.getByRole("region", { name: "Response" });
  await system.api.down();
  try {
    await page.getByRole("button", { name: "Send" }).click();
    await expect(answer).toContainText("The API cannot be reached");
    await expect(answer).toContainText("502");
    await expect(answer).toContainText("upstream_unreachable");
    // That is no reason to doubt the session.
    await expect(page.getByRole("banner")).toContainText(person.name);
    await expect(page.getByText("We cannot check your session")).toHaveCount(0);
  } finally {
    await system.api.up();
  }
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(answer).toContainText("probeReceived");
});

test("a slow call is said to be slow, can be cancelled, and is cancelled at the API as well", async ({
  page,
  person,
  system,
}) => {
  await page.getByLabel("Resource").selectOption({ label: "/api/slow (8 s)" });
  await page.getByRole("button", { name: "Send" }).click();
  const answer = page.getByRole("region", { name: "Response" });
  await expect(answer).toContainText("Still waiting for the API");
  await answer.getByRole("button", { name: "Cancel" }).click();
  await expect(answer).toContainText("Cancelled.");
  // The API writes a call down when it is done with it, and this one would have taken eight seconds.
  const slowCalls = () => system.api.requests.filter(({ url, sub }) => url.startsWith("/slow") && sub === person.sub);
  await expect.poll(() => slowCalls().length, { timeout: 3_000 }).toBe(1);
});

test("events arrive one by one while the stream is open", async ({ page, person, system }) => {
  const events = page.getByRole("region", { name: "Live events" });
  await page.getByRole("button", { name: "Start listening" }).click();
  await expect(events).toContainText("Listening");
  await expect(events.getByRole("listitem").first()).toContainText(`"for":"${person.username}"`);
  await expect(events).toContainText('"number":2');
  await page.getByRole("button", { name: "Stop listening" }).click();
  await expect.poll(() => system.api.openEventStreams()).toBe(0);
});
