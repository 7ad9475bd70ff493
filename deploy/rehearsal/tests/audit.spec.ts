// What happens once is seen twice: by Keycloak and by the gateway, in one view.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { createUser } from "../../../e2e-keycloak/support/realm-parts.ts";
import { fillLoginForm, logOut } from "../../../e2e-keycloak/support/pages.ts";
import type { AuditEvent } from "../../../scripts/audit/audit-event.ts";
import { expect, test } from "../test.ts";

const AUDIT = join(import.meta.dirname, "..", "..", "..", "scripts", "audit", "main.ts");

test("a wrong password, a login and a logout are seen by both, in order and as one session", async ({
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
  await fillLoginForm(page, { ...user, password: "not the password of anybody" });
  await expect(page.getByText(/invalid username or password/i)).toBeVisible();
  await fillLoginForm(page, user);
  await page.waitForURL(`${publicOrigin}/**`);
  await logOut(page, publicOrigin);

  const story = ["LOGIN_ERROR", "LOGIN", "login_completed", "logout", "LOGOUT"];
  await expect.poll(() => events().map(({ event }) => event)).toEqual(expect.arrayContaining(story));
  const told = events();
  // The wrong password is the only error: a good logout leaves none.
  expect(told.filter(({ event }) => event.endsWith("_ERROR")).map(({ event }) => event)).toEqual(["LOGIN_ERROR"]);
  const positions = story.map((event) => told.findIndex((each) => each.event === event));
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  const ofSession = told.filter(({ event }) =>
    ["LOGIN", "login_completed", "session_ended", "logout", "LOGOUT"].includes(event),
  );
  expect(ofSession).toHaveLength(5);
  expect(new Set(ofSession.map(({ providerSession }) => providerSession)).size).toBe(1);
  expect(ofSession[0]?.providerSession).toMatch(/^[\w-]{12}$/);
  expect(new Set(told.map(({ source }) => source))).toEqual(new Set(["gateway", "keycloak"]));

  const everything = audit("--json") + audit();
  for (const secret of [user.password, "not the password of anybody", "code=", "eyJ"])
    expect(everything).not.toContain(secret);
});
