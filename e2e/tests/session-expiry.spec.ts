// Idle timeout: an unused session expires, the app says so and keeps what was typed.
import type { Page } from "@playwright/test";
import { call } from "../support/page-requests.ts";
import { logInByHttp, createUser } from "../support/users.ts";
import { expect, test } from "../support/test.ts";

// Longer than a login and a page load on a busy machine.
test.beforeEach(({ system }) => system.gateway.restart({ SESSION_IDLE_SECONDS: "20" }));
test.afterEach(({ system }) => system.gateway.restart({ SESSION_IDLE_SECONDS: "1800" }));

const callApi = async (page: Page): Promise<void> => {
  await page.goto("/call");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("region", { name: "Response" })).toContainText("probeReceived");
};

test.setTimeout(120_000);

test(
  "an unused session expires although the app polls it, and a session in use is extended",
  { tag: "@extended" },
  async ({ page: unused, context, user, system, newBrowser }) => {
    const other = await newBrowser();
    await logInByHttp(other.context, system, await createUser(system));
    const used = await other.context.newPage();
    await callApi(used);
    await logInByHttp(context, system, user);
    await callApi(unused);
    await unused.getByLabel("Message").fill("a long thought");

    const statuses: number[] = [];
    const useOneAndPollOther = async () => {
      statuses.push((await call(used, "/api/protected?message=x")).status);
      return (await call(unused, "/bff/user")).body;
    };
    await expect
      .poll(useOneAndPollOther, { intervals: [1_000], timeout: 60_000 })
      .toEqual({ user: null, session: null });
    expect(statuses).toEqual(statuses.map(() => 200));

    const notice = unused.getByRole("region", { name: "Your session has expired" });
    await expect(notice).toContainText("What you typed is kept");
    await expect(unused.getByLabel("Message")).toHaveValue("a long thought");
    // User data and API responses are removed: the screen may be unattended.
    await expect(unused.locator("body")).not.toContainText(user.name);
    await expect(unused.locator("body")).not.toContainText("probeReceived");
    const response = await call(unused, "/api/protected?message=x");
    expect(response).toMatchObject({ status: 401, body: { code: "session_expired" } });

    await unused.getByRole("link", { name: "Log in again" }).click();
    await expect(unused.getByRole("banner")).toContainText(user.name);
    await expect(unused.getByLabel("Message")).toHaveValue("a long thought");
    await unused.getByRole("button", { name: "Send" }).click();
    await expect(unused.getByRole("region", { name: "Response" })).toContainText("a long thoughtReceived");
  },
);
