// The object that useSession returns: its content by state, and its identity.
import { expect, it } from "vitest";
import { snapshotOf } from "../src/session-view.ts";
import { alice, anonymous, createGateway, loggedIn } from "./support.ts";

it("the view is loading before the first check", () => {
  const { client } = createGateway();
  expect(snapshotOf(client)()).toMatchObject({ status: "loading", user: null, error: null });
});

it("the view is unavailable after a first check that failed", async () => {
  const { client } = createGateway(null);
  await client.ensureLoaded();
  expect(snapshotOf(client)()).toMatchObject({
    status: "unavailable",
    user: null,
    error: { failure: { kind: "problem" }, retryAtMs: expect.any(Number) },
  });
  client.close();
});

it("the view of a user without a session is anonymous", async () => {
  const { client } = createGateway(anonymous);
  await client.ensureLoaded();
  expect(snapshotOf(client)()).toMatchObject({ status: "anonymous", user: null, endReason: null });
});

it("the view of a session holds the user and the earlier limit as a date", async () => {
  const [idleExpiresAt, expiresAt] = ["2040-01-01T00:00:00.000Z", "2041-01-01T00:00:00.000Z"];
  const { client } = createGateway(loggedIn({ idleExpiresAt, expiresAt }));
  await client.ensureLoaded();
  expect(snapshotOf(client)()).toMatchObject({
    status: "authenticated",
    user: alice,
    session: { handle: "handle-1", acr: "1" },
    expiresAt: new Date(idleExpiresAt),
    renderedSub: "alice",
  });
  client.close();
});

it("a failed check keeps the user and sets the error", async () => {
  const gateway = createGateway(loggedIn());
  await gateway.client.ensureLoaded();
  gateway.user = null;
  await gateway.client.check();
  expect(snapshotOf(gateway.client)()).toMatchObject({
    status: "authenticated",
    user: { sub: "alice" },
    error: { failure: { kind: "problem" } },
  });
  gateway.client.close();
});

it("a check that finds nothing new keeps the identity of the view", async () => {
  const { client } = createGateway(loggedIn());
  const getSnapshot = snapshotOf(client);
  await client.ensureLoaded();
  const before = getSnapshot();
  const views = new Set([before]);
  client.subscribe(() => views.add(getSnapshot()));
  await client.check();
  expect([...views]).toEqual([before]);
  expect(getSnapshot()).toBe(before);
  client.close();
});

it("a check that finds another limit keeps the identity of the user and of the functions", async () => {
  const gateway = createGateway(loggedIn({ expiresAt: "2040-01-01T00:00:00.000Z" }));
  const getSnapshot = snapshotOf(gateway.client);
  await gateway.client.ensureLoaded();
  const before = getSnapshot();
  gateway.user = loggedIn({ expiresAt: "2041-01-01T00:00:00.000Z" });
  await gateway.client.check();
  const after = getSnapshot();
  expect(after).not.toBe(before);
  expect(after.user).toBe(before.user);
  expect([after.login, after.logout]).toEqual([before.login, before.logout]);
  gateway.client.close();
});

it("providers of one client share its view", () => {
  const { client } = createGateway();
  expect(snapshotOf(client)).toBe(snapshotOf(client));
});
