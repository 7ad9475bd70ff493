// What the profile tells a person about themselves and their session.
import { call } from "../support/calls.ts";
import { expect, test } from "../support/test.ts";

/** Limits are told as a distance from now, so that two answers differ by the time between them. */
const TOLERANCE_MS = 60_000;

type Told = {
  user: Record<string, unknown>;
  session: { createdAt: string; idleExpiresAt: string; expiresAt: string };
};

test("the profile shows every claim and the session's times, as the gateway tells them", async ({
  loggedIn,
  person,
}) => {
  await loggedIn.goto("/profile");
  const claims = loggedIn.getByRole("table", { name: "Claims" });
  await expect(claims).toContainText(person.sub);
  const { user, session } = (await call(loggedIn, "/bff/user")).body as Told;
  const shown = await claims.getByRole("rowheader").allTextContents();
  expect(shown.toSorted()).toEqual(Object.keys(user).toSorted());
  for (const claim of [person.name, person.email, ...person.roles]) await expect(claims).toContainText(claim);

  const section = loggedIn.getByRole("region", { name: "Session", exact: true });
  const timeOf = async (label: string) => {
    const entry = section.locator("dl > div").filter({ has: loggedIn.getByText(label, { exact: true }) });
    return Date.parse((await entry.locator("time").getAttribute("datetime")) ?? "");
  };
  expect(await timeOf("Logged in")).toBe(Date.parse(session.createdAt));
  for (const [label, told] of [
    ["Ends when unused", session.idleExpiresAt],
    ["Ends in any case", session.expiresAt],
  ] as const)
    expect(Math.abs((await timeOf(label)) - Date.parse(told)), label).toBeLessThan(TOLERANCE_MS);
});
