// The profile page: claims and session times.
import { call } from "../support/page-requests.ts";
import { expect, test } from "../support/test.ts";

/** The gateway reports limits relative to now: two responses differ by the time between them. */
const TOLERANCE_MS = 60_000;

type UserResponse = {
  user: Record<string, unknown>;
  session: { createdAt: string; idleExpiresAt: string; expiresAt: string };
};

test("the profile shows every claim and the session's times from the gateway's response", async ({
  loggedInPage,
  user,
}) => {
  await loggedInPage.goto("/profile");
  const claims = loggedInPage.getByRole("table", { name: "Claims" });
  await expect(claims).toContainText(user.sub);
  const { user: claimsOfUser, session } = (await call(loggedInPage, "/bff/user")).body as UserResponse;
  const shown = await claims.getByRole("rowheader").allTextContents();
  expect(shown.toSorted()).toEqual(Object.keys(claimsOfUser).toSorted());
  for (const claim of [user.name, user.email, ...user.roles]) await expect(claims).toContainText(claim);

  const section = loggedInPage.getByRole("region", { name: "Session", exact: true });
  const timeOf = async (label: string) => {
    const entry = section.locator("dl > div").filter({ has: loggedInPage.getByText(label, { exact: true }) });
    return Date.parse((await entry.locator("time").getAttribute("datetime")) ?? "");
  };
  expect(await timeOf("Logged in")).toBe(Date.parse(session.createdAt));
  for (const [label, expected] of [
    ["Ends when unused", session.idleExpiresAt],
    ["Ends in any case", session.expiresAt],
  ] as const)
    expect(Math.abs((await timeOf(label)) - Date.parse(expected)), label).toBeLessThan(TOLERANCE_MS);
});
