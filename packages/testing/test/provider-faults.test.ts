// Fault injection and counters of the embedded provider.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ProviderHandle } from "../src/provider/types.ts";
import { logIn, refreshTokens, startTestProvider } from "../src/provider-client.ts";

let provider: ProviderHandle;

beforeAll(async () => {
  provider = await startTestProvider();
});
afterAll(() => provider.stop());
beforeEach(() => {
  provider.faults.clear();
  provider.resetCounts();
});

test("faults respond, delay or reset connections, and counters count the requests", async () => {
  const { tokens } = await logIn(provider);
  const discovery = `${provider.issuer}/.well-known/openid-configuration`;
  provider.faults.set({ endpoint: "discovery", status: 503, body: "busy", times: 1 });
  expect((await fetch(discovery)).status).toBe(503);
  expect((await fetch(discovery)).status).toBe(200);
  expect(provider.count("discovery")).toBe(2);

  provider.faults.set({ endpoint: "token", resetBeforeProcessing: true, times: 1 });
  await expect(refreshTokens(provider, tokens.refresh_token)).rejects.toThrow("fetch failed");
  expect(provider.count("token:refresh_token")).toBe(0);
  provider.faults.set({ endpoint: "token", resetAfterProcessing: true, times: 1 });
  await expect(refreshTokens(provider, tokens.refresh_token)).rejects.toThrow("fetch failed");
  expect(provider.count("token:refresh_token")).toBe(1);
  // The request was processed, so the token is consumed although no response arrived.
  expect(await refreshTokens(provider, tokens.refresh_token)).toMatchObject({ error: "invalid_grant" });

  provider.faults.set({ endpoint: "all", delayMs: 100, times: 1 });
  const started = performance.now();
  await fetch(discovery);
  expect(performance.now() - started).toBeGreaterThan(95);
});

test("up() restarts the provider on its port with its tokens", async () => {
  const { tokens } = await logIn(provider);
  await provider.down();
  await expect(refreshTokens(provider, tokens.refresh_token)).rejects.toThrow("fetch failed");
  await provider.up();
  expect((await refreshTokens(provider, tokens.refresh_token)).status).toBe(200);
});
