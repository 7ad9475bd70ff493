// The ways in which a session ends without its own browser, each written into the history with the moment from which it
// is over for everybody.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { request } from "undici";
import type { Session } from "@cloakroom/gateway/src/session/session.ts";
import { APPLICATION, type Fleet, type Instance } from "./fleet.ts";
import { readSession, type Visitor } from "./visitor.ts";

/** Another browser of the same user ends it. @returns the status */
export async function revoke(fleet: Fleet, by: Visitor, visitor: Visitor, at: Instance): Promise<number> {
  const beganMs = performance.now();
  const { statusCode, body } = await request(`http://127.0.0.1:${at.port}/bff/sessions/${visitor.name}`, {
    ...{ method: "DELETE", headers: by.headers, reset: true },
  });
  await body.dump();
  const acknowledgedMs = performance.now();
  if (statusCode === 204)
    fleet.history.endings.push({ session: visitor.name, beganMs, acknowledgedMs, by: "revocation" });
  return statusCode;
}

/** What the provider sends for this session when it ends there. */
export async function logoutTokenFor(fleet: Fleet, visitor: Visitor): Promise<string> {
  const { stored } = await readSession(fleet, visitor);
  const { providerSid } = JSON.parse(stored.session) as Session;
  return fleet.provider.logoutToken({ aud: "cloakroom", sid: providerSid, sub: visitor.subject });
}

/** @returns the status; 200 ends the session */
export async function backchannelLogout(
  fleet: Fleet,
  { token, visitor, at }: { token: string; visitor?: Visitor; at?: Instance },
): Promise<number> {
  const { host, port } = new URL(fleet.publicOrigin);
  const beganMs = performance.now();
  const { statusCode, body } = await request(`http://127.0.0.1:${at?.port ?? port}/bff/backchannel-logout`, {
    ...{ method: "POST", reset: true, body: new URLSearchParams({ logout_token: token }).toString() },
    headers: { host, "content-type": "application/x-www-form-urlencoded" },
  });
  await body.dump();
  const acknowledgedMs = performance.now();
  if (statusCode === 200 && visitor !== undefined)
    fleet.history.endings.push({ session: visitor.name, beganMs, acknowledgedMs, by: "back-channel logout" });
  return statusCode;
}

/** Ends all sessions of one user, with the command line as an administrator has it. @throws where it says that it did not */
export async function endByAdministrator(fleet: Fleet, visitors: readonly Visitor[]): Promise<void> {
  const [{ subject } = { subject: "" }] = visitors;
  const beganMs = performance.now();
  const command = spawn(process.execPath, [ADMIN, "end-user", "--subject", subject], {
    stdio: "ignore",
    env: {
      ...{ OIDC_ISSUER: fleet.provider.issuer, OIDC_CLIENT_ID: "cloakroom", OIDC_CLIENT_SECRET: "not-asked-for-here" },
      ...{
        APP_ID: APPLICATION,
        REDIS_URL: fleet.redis.url,
        SECRET_KEYS: fleet.secretKeys.map((key) => key.toString("base64url")).join(),
      },
    },
  });
  const [code] = (await once(command, "close")) as [number | null];
  if (code !== 0) throw new Error(`the administrator's command line ended with ${code}`);
  const acknowledgedMs = performance.now();
  for (const { name } of visitors)
    fleet.history.endings.push({ session: name, beganMs, acknowledgedMs, by: "administrator" });
}

const ADMIN = join(import.meta.dirname, "../../bff/src/cli/sessions.ts");
