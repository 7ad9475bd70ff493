// Storage adapter of the embedded provider.
import { expect, test } from "vitest";
import { createProviderStorage } from "../src/provider/storage.ts";

test("the storage keeps 5,000 sessions and removes expired ones", async () => {
  const storage = createProviderStorage(() => undefined);
  const sessions = storage.adapter("Session");
  for (let index = 0; index < 5_000; index += 1)
    await sessions.upsert(`id-${index}`, { uid: `uid-${index}`, accountId: "alice" }, 60);
  await sessions.upsert("past", { uid: "past", accountId: "alice" }, -1);
  expect(await sessions.findByUid("uid-0")).toMatchObject({ accountId: "alice" });
  expect(await sessions.find("past")).toBeUndefined();
  expect(storage.sessionsOf("alice")).toHaveLength(5_000);
});

test("of two requests that use the same refresh token, only the first consumes it", async () => {
  let reuses = 0;
  const tokens = createProviderStorage(() => (reuses += 1)).adapter("RefreshToken");
  await tokens.upsert("one", { grantId: "family" }, 60);
  await tokens.upsert("two", { grantId: "family" }, 60);
  await tokens.consume("one");
  await expect(tokens.consume("one")).rejects.toThrow("invalid_grant");
  expect(reuses).toBe(1);
  expect(await tokens.find("two")).toBeUndefined();
});
