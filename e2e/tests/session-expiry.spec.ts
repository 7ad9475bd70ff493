// A session that nobody uses ends: said calmly, with a way on, and nothing typed is lost.
import type { Page } from "@playwright/test";
import { call } from "../support/calls.ts";
import { logInQuietly, newPerson } from "../support/people.ts";
import { expect, test } from "../support/test.ts";

// Longer than a login and a page load take on a busy machine.
test.beforeEach(({ system }) => system.gateway.restart({ SESSION_IDLE_SECONDS: "20" }));
test.afterEach(({ system }) => system.gateway.restart({ SESSION_IDLE_SECONDS: "1800" }));

const atWork = async (page: Page): Promise<void> => {
  await page.goto("/call");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("region", { name: "Response" })).toContainText("probeReceived");
};

test.setTimeout(120_000);

test("an unused session expires although the app asks about it, and a used one lives on", async ({
  page: unused,
  context,
  person,
  system,
  newBrowser,
}) => {
  const other = await newBrowser();
  await logInQuietly(other.context, system, await newPerson(system));
  const used = await other.context.newPage();
  await atWork(used);
  await logInQuietly(context, system, person);
  await atWork(unused);
  await unused.getByLabel("Message").fill("a long thought");

  const worked: number[] = [];
  const lookAndWork = async () => {
    worked.push((await call(used, "/api/protected?message=x")).status);
    return (await call(unused, "/bff/user")).body;
  };
  await expect.poll(lookAndWork, { intervals: [1_000], timeout: 60_000 }).toEqual({ user: null, session: null });
  expect(worked).toEqual(worked.map(() => 200));

  const notice = unused.getByRole("region", { name: "Your session has expired" });
  await expect(notice).toContainText("What you typed is kept");
  await expect(unused.getByLabel("Message")).toHaveValue("a long thought");
  // What the API had told is gone from the screen: anybody may stand in front of it by now.
  await expect(unused.locator("body")).not.toContainText(person.name);
  await expect(unused.locator("body")).not.toContainText("probeReceived");
  const answer = await call(unused, "/api/protected?message=x");
  expect(answer).toMatchObject({ status: 401, body: { code: "session_expired" } });

  await unused.getByRole("link", { name: "Log in again" }).click();
  await expect(unused.getByRole("banner")).toContainText(person.name);
  await expect(unused.getByLabel("Message")).toHaveValue("a long thought");
  await unused.getByRole("button", { name: "Send" }).click();
  await expect(unused.getByRole("region", { name: "Response" })).toContainText("a long thoughtReceived");
});
