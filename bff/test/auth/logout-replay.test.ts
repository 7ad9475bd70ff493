// Replay protection of logout tokens when the action fails or the store becomes unavailable.
import { expect, it } from "vitest";
import { oncePerLogoutToken } from "../../src/auth/logout-replay.ts";
import { GatewayError } from "../../src/errors.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";

const unavailable = () => new GatewayError("store_unavailable");

it("a failed action releases the claim, and a waiting copy acts instead", async () => {
  const store = createMemoryStore();
  let attempts = 0;
  const act = async (): Promise<string> => {
    attempts++;
    await new Promise((done) => setImmediate(done));
    if (attempts === 1) throw unavailable();
    return "ended";
  };
  const results = await Promise.allSettled([1, 2, 3].map(() => oncePerLogoutToken(store, "token", act)));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(
    results.map((result) => (result.status === "rejected" ? (result.reason as GatewayError).code : "ended")),
  ).toEqual(expect.arrayContaining(["store_unavailable", "ended", "request_malformed"]));
  expect(attempts).toBe(2);
  await store.close();
});

it("a token whose claim cannot be completed stays unused, and the provider's retry acts again", async () => {
  const store = createMemoryStore();
  const failing = { ...store, completeClaim: () => Promise.reject(unavailable()) };
  await expect(oncePerLogoutToken(failing, "token", async () => 1)).rejects.toMatchObject({
    code: "store_unavailable",
  });
  expect(await oncePerLogoutToken(store, "token", async () => 2)).toBe(2);
  await expect(oncePerLogoutToken(store, "token", async () => 3)).rejects.toMatchObject({ code: "request_malformed" });
  await store.close();
});

it("the error of the action is reported when releasing the claim fails as well", async () => {
  const store = createMemoryStore();
  const failing = { ...store, releaseClaim: () => Promise.reject(new Error("gone")) };
  const act = () => Promise.reject(unavailable());
  await expect(oncePerLogoutToken(failing, "token", act)).rejects.toMatchObject({ code: "store_unavailable" });
  await store.close();
});
