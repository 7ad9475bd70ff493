// Smoke test of the whole demo: login, API request, token refresh and back-channel logout.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startSystem, type System } from "../src/system.ts";
import { formBrowser, type FormBrowser } from "@cloakroom/testing/form-browser.ts";
import { ALICE } from "@cloakroom/testing/provider-client.ts";

let system: System | undefined;
let spaRoot: string | undefined;

afterEach(async () => {
  await system?.stop();
  if (spaRoot !== undefined) await rm(spaRoot, { recursive: true });
});

const FETCH_HEADERS = {
  accept: "application/json",
  "x-csrf": "1",
  "sec-fetch-site": "same-origin",
  "sec-fetch-mode": "cors",
  "sec-fetch-dest": "empty",
};

const protectedStatus = async (browser: FormBrowser, { origin }: System) =>
  (await browser.open(`${origin}/api/protected?message=probe`, { headers: FETCH_HEADERS })).status;

test.each([undefined, "none"])(
  "the demo logs in, calls the API, refreshes tokens and ends the session by back-channel logout (Redis: %s)",
  async (redis) => {
    spaRoot = await mkdtemp(join(tmpdir(), "spa-"));
    await writeFile(join(spaRoot, "index.html"), "<!doctype html><title>The app</title>");
    const started = await startSystem({
      spaRoot,
      provider: { passwordCost: 2 ** 10, lifetimes: { accessTokenSeconds: 3 } },
      ...(redis === undefined ? {} : { redis }),
    });
    system = started;
    const browser = formBrowser();
    const page = await browser.open(`${started.origin}/bff/login?returnTo=/profile`);
    const back = await browser.submit(page, ALICE, /\/login$/);
    expect([back.url, back.status]).toEqual([`${started.origin}/profile`, 200]);
    expect(back.html).toContain("The app");

    const response = await browser.open(`${started.origin}/api/protected?message=probe`, { headers: FETCH_HEADERS });
    // The audience is the API's URL.
    const aud = `http://localhost:${new URL(started.api.url).port}`;
    expect(JSON.parse(response.html)).toMatchObject({
      message: "probeReceived",
      user: { preferred_username: "alice", aud },
    });

    // Polls until the access token, which is valid for 3 s, has been refreshed.
    const refreshed = async () => [
      await protectedStatus(browser, started),
      started.provider.count("token:refresh_token") > 0,
    ];
    await expect.poll(refreshed, { timeout: 10_000, interval: 200 }).toEqual([200, true]);
    expect(started.provider.count("refresh-token-reuse")).toBe(0);

    expect(await started.provider.endSession(started.provider.user("alice")?.sub ?? "")).toBe(1);
    expect(await protectedStatus(browser, started)).toBe(401);
    const { accessTokens, refreshTokens, idTokens, codes, clientSecrets } = started.provider.issuedTokens();
    const output = started.gateway.output();
    for (const secret of [accessTokens, refreshTokens, idTokens, codes, clientSecrets].flat())
      expect(output.includes(secret)).toBe(false);
  },
);
