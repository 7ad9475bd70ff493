// npm run audit on the real logs of Keycloak and gateway.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { createUser } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { fillLoginForm, logOut } from "@cloakroom/testkit/keycloak/pages.ts";
import type { AuditEvent } from "../../audit/audit-event.ts";
import { expect, test } from "../fixtures.ts";

const WRONG_PASSWORD = "not-the-password-of-this-user";
const AUDIT = join(import.meta.dirname, "../../audit/main.ts");

test("the audit view shows a wrong password, a login and a logout in order and as one provider session", async ({
  page,
  rehearsal,
}) => {
  const { publicOrigin } = rehearsal.installation;
  const user = await createUser(rehearsal.admin());
  const audit = (...args: string[]) => {
    const input = rehearsal.keycloakLog() + rehearsal.gatewayLog();
    const options = { input, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 } as const;
    return spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", AUDIT, ...args], options).stdout;
  };
  const events = () =>
    audit("--json", "--user", user.username)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as AuditEvent);

  await page.goto(`${publicOrigin}/bff/login`);
  await fillLoginForm(page, { ...user, password: WRONG_PASSWORD });
  await expect(page.getByText(/invalid username or password/i)).toBeVisible();
  await fillLoginForm(page, user);
  await page.waitForURL(`${publicOrigin}/**`);
  await logOut(page, publicOrigin);

  const expected = ["LOGIN_ERROR", "LOGIN", "login_completed", "logout", "LOGOUT"];
  await expect.poll(() => events().map(({ event }) => event)).toEqual(expect.arrayContaining(expected));
  const shown = events();
  // The wrong password is the only error: a regular logout logs none.
  expect(shown.filter(({ event }) => event.endsWith("_ERROR")).map(({ event }) => event)).toEqual(["LOGIN_ERROR"]);
  const positions = expected.map((event) => shown.findIndex((each) => each.event === event));
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  const ofSession = shown.filter(({ event }) =>
    ["LOGIN", "login_completed", "session_ended", "logout", "LOGOUT"].includes(event),
  );
  expect(ofSession).toHaveLength(5);
  expect(new Set(ofSession.map(({ providerSession }) => providerSession)).size).toBe(1);
  expect(ofSession[0]?.providerSession).toMatch(/^[\w-]{12}$/);
  expect(new Set(shown.map(({ source }) => source))).toEqual(new Set(["gateway", "keycloak"]));

  const output = audit("--json") + audit();
  for (const secret of [user.password, WRONG_PASSWORD, "code=", "eyJ"]) expect(output).not.toContain(secret);
});
