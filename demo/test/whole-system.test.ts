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

const SCRIPT = {
  accept: "application/json",
  "x-csrf": "1",
  "sec-fetch-site": "same-origin",
  "sec-fetch-mode": "cors",
  "sec-fetch-dest": "empty",
};

const protectedStatus = async (browser: FormBrowser, { origin }: System) =>
  (await browser.open(`${origin}/api/protected?message=probe`, { headers: SCRIPT })).status;

test.each([undefined, "none"])(
  "logs in, calls the API, renews, and loses the session at the provider (Redis: %s)",
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

    const answer = await browser.open(`${started.origin}/api/protected?message=probe`, { headers: SCRIPT });
    // The token's audience is the API's own address, wherever it listens.
    const aud = `http://localhost:${new URL(started.api.url).port}`;
    expect(JSON.parse(answer.html)).toMatchObject({
      message: "probeReceived",
      user: { preferred_username: "alice", aud },
    });

    // Two requests more than a token's life apart need two tokens; the poll is the clock.
    const renewals = async () => [
      await protectedStatus(browser, started),
      started.provider.count("token:refresh_token") > 0,
    ];
    await expect.poll(renewals, { timeout: 10_000, interval: 200 }).toEqual([200, true]);
    expect(started.provider.count("refresh-token-reuse")).toBe(0);

    expect(await started.provider.endSession(started.provider.user("alice")?.sub ?? "")).toBe(1);
    expect(await protectedStatus(browser, started)).toBe(401);
    const { accessTokens, refreshTokens, idTokens, codes, clientSecrets } = started.provider.issuedTokens();
    const output = started.gateway.output();
    for (const secret of [accessTokens, refreshTokens, idTokens, codes, clientSecrets].flat())
      expect(output.includes(secret)).toBe(false);
  },
);
