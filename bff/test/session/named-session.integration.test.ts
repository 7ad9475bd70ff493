// X-Session-Handle: a stale tab cannot act as the user who has logged in since, through real sockets.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({
    upstreams: (baseUrl) => [
      { prefix: "/api", baseUrl },
      { prefix: "/maybe", baseUrl, access: "optional" },
      { prefix: "/hooks", baseUrl, access: "public" },
    ],
  });
});
afterAll(() => system.stop());

const handleOf = async (browser: TestBrowser): Promise<string> =>
  ((await (await browser.fetch("/bff/user")).json()) as { session: { id: string } }).session.id;

/** @returns the handle of a session that the login of another user has replaced in the same browser */
async function replacedSession(): Promise<{ other: TestBrowser; staleHandle: string }> {
  const alice = system.browser("alice");
  await alice.login();
  const staleHandle = await handleOf(alice);
  const other = system.browser("admin");
  for (const [name, value] of alice.cookies) other.cookies.set(name, value);
  await other.login();
  return { other, staleHandle };
}

describe("a tab that was rendered for a session that another login has replaced", () => {
  it.each([
    ["GET", "/api/orders"],
    ["POST", "/api/orders"],
    ["POST", "/maybe/orders"],
    ["GET", "/bff/sessions"],
    ["DELETE", "/bff/sessions"],
    ["POST", "/bff/logout"],
  ])("%s %s gets 409 session_changed and has no effect", async (method, path) => {
    const { other, staleHandle } = await replacedSession();
    system.received.length = 0;
    const response = await other.fetch(path, { method, headers: { "x-session-handle": staleHandle } });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: "session_changed" });
    expect(system.received).toEqual([]);
    expect((await other.fetch("/api/still")).status).toBe(200);
  });

  it("GET /bff/user shows the new session, so that the tab can tell", async () => {
    const { other, staleHandle } = await replacedSession();
    const response = await other.fetch("/bff/user", { headers: { "x-session-handle": staleHandle } });
    expect(response.status).toBe(200);
    expect(await handleOf(other)).not.toBe(staleHandle);
  });
});

describe("a request that names a session", () => {
  it.each(["/api/orders", "/maybe/orders"])(
    "%s is forwarded with the session's own handle, without the header",
    async (path) => {
      const alice = system.browser();
      await alice.login();
      system.received.length = 0;
      const response = await alice.fetch(path, { headers: { "x-session-handle": await handleOf(alice) } });
      expect(response.status).toBe(200);
      expect(system.received[0]?.headers["x-session-handle"]).toBeUndefined();
    },
  );

  it.each([
    ["/api/orders", 401, "session_missing"],
    // Not served anonymously: the page believes that it acts for a user.
    ["/maybe/orders", 401, "session_missing"],
    ["/hooks/x", 200, undefined],
  ])("without a session %s gets %i", async (path, status, code) => {
    const response = await system.browser().fetch(path, { headers: { "x-session-handle": "handle-of-alice" } });
    expect(response.status).toBe(status);
    if (code !== undefined) expect(await response.json()).toMatchObject({ code });
  });
});
