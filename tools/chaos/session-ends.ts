// Ends sessions from outside their browser: user revocation, back-channel logout, administrator. Each acknowledged end is
// added to the history.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { request } from "undici";
import type { Session } from "@cloakroom/gateway/src/session/session.ts";
import { APPLICATION, type Fleet, type Instance } from "./fleet.ts";
import { readSession, type ChaosBrowser } from "./browser.ts";

/** `DELETE /bff/sessions/{handle}` by another browser of the same user. @returns the response status */
export async function revoke(fleet: Fleet, by: ChaosBrowser, browser: ChaosBrowser, at: Instance): Promise<number> {
  const beganMs = performance.now();
  const { statusCode, body } = await request(`http://127.0.0.1:${at.port}/bff/sessions/${browser.name}`, {
    ...{ method: "DELETE", headers: by.headers, reset: true },
  });
  await body.dump();
  const acknowledgedMs = performance.now();
  if (statusCode === 204)
    fleet.history.sessionEnds.push({ session: browser.name, beganMs, acknowledgedMs, by: "revocation" });
  return statusCode;
}

/** @returns the logout token that the provider would send for this session */
export async function logoutTokenFor(fleet: Fleet, browser: ChaosBrowser): Promise<string> {
  const { stored } = await readSession(fleet, browser);
  const { providerSid } = JSON.parse(stored.session) as Session;
  return fleet.provider.logoutToken({ aud: "cloakroom", sid: providerSid, sub: browser.subject });
}

/** Sends the logout token to `at`, by default to the load balancer. @returns the response status */
export async function backchannelLogout(
  fleet: Fleet,
  { token, browser, at }: { token: string; browser?: ChaosBrowser; at?: Instance },
): Promise<number> {
  const { host, port } = new URL(fleet.publicOrigin);
  const beganMs = performance.now();
  const { statusCode, body } = await request(`http://127.0.0.1:${at?.port ?? port}/bff/backchannel-logout`, {
    ...{ method: "POST", reset: true, body: new URLSearchParams({ logout_token: token }).toString() },
    headers: { host, "content-type": "application/x-www-form-urlencoded" },
  });
  await body.dump();
  const acknowledgedMs = performance.now();
  if (statusCode === 200 && browser !== undefined)
    fleet.history.sessionEnds.push({ session: browser.name, beganMs, acknowledgedMs, by: "back-channel logout" });
  return statusCode;
}

/** Ends all sessions of one user with the sessions command. @throws when the command fails */
export async function endByAdministrator(fleet: Fleet, browsers: readonly ChaosBrowser[]): Promise<void> {
  const [{ subject } = { subject: "" }] = browsers;
  const beganMs = performance.now();
  const command = spawn(process.execPath, [ADMIN, "end-user", "--subject", subject], {
    stdio: "ignore",
    env: {
      ...{
        OIDC_ISSUER: fleet.provider.issuer,
        OIDC_CLIENT_ID: "cloakroom",
        OIDC_CLIENT_SECRET: "not-used-by-the-sessions-command",
      },
      ...{
        APP_ID: APPLICATION,
        REDIS_URL: fleet.redis.url,
        SECRET_KEYS: fleet.secretKeys.map((key) => key.toString("base64url")).join(),
      },
    },
  });
  const [code] = (await once(command, "close")) as [number | null];
  if (code !== 0) throw new Error(`the sessions command exited with ${code}`);
  const acknowledgedMs = performance.now();
  for (const { name } of browsers)
    fleet.history.sessionEnds.push({ session: name, beganMs, acknowledgedMs, by: "administrator" });
}

const ADMIN = join(import.meta.dirname, "../../bff/src/cli/sessions.ts");
