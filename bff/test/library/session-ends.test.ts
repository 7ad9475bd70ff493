// Listeners of the host for the end of a session, while configurations are replaced.
import { beforeEach, expect, it } from "vitest";
import { createSessionEnds } from "../../src/library/session-ends.ts";
import type { LiveConnections } from "../../src/session/live/live-connections.ts";
import type { EndReason, SessionKey } from "../../src/store/store.ts";

const key = "key" as SessionKey;

/** The services of one configuration. */
function createServices() {
  const listeners = new Set<(reason: EndReason) => void>();
  const add: LiveConnections["add"] = (_key, onEnd) => {
    listeners.add(onEnd);
    return () => void listeners.delete(onEnd);
  };
  const end = (reason: EndReason) => listeners.forEach((listener) => listener(reason));
  return { liveConnections: { add } as LiveConnections, listeners, end };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

let current: ReturnType<typeof createServices> | undefined;
let errors: string[];
let reasons: string[];
beforeEach(() => {
  [current, errors, reasons] = [createServices(), [], []];
});
const create = () => {
  const servicesOf = (id: string) => (id === "app" ? current : undefined);
  return createSessionEnds({ servicesOf, log: { error: (message) => void errors.push(message) } });
};
const listener = (reason: string) => void reasons.push(reason);

it("a listener is called once, by the services of the latest configuration", async () => {
  const ends = create();
  ends.add("app", key, listener);
  await settled();
  const [before, after] = [current, createServices()];
  current = after;
  ends.renew();
  ends.renew();
  expect([before?.listeners.size, after.listeners.size]).toEqual([0, 1]);
  after.end("logout");
  after.end("logout");
  expect(reasons).toEqual(["logout"]);
});

it("a listener that was added with the result of a replaced configuration is called", async () => {
  const ends = create();
  current = createServices();
  ends.renew();
  ends.add("app", key, listener);
  await settled();
  current.end("expired");
  expect(reasons).toEqual(["expired"]);
});

it("a removed listener is not called", async () => {
  const ends = create();
  const removeAtOnce = ends.add("app", key, listener);
  removeAtOnce();
  const remove = ends.add("app", key, listener);
  await settled();
  remove();
  expect(current?.listeners.size).toBe(0);
  ends.close();
  expect(reasons).toEqual([]);
});

it("listeners of a removed application and of a closed gateway are called, also those that are added later", async () => {
  const ends = create();
  ends.add("app", key, listener);
  await settled();
  current = undefined;
  ends.renew();
  expect(reasons).toEqual(["application_removed"]);
  ends.add("app", key, listener);
  await settled();
  expect(reasons).toEqual(["application_removed", "application_removed"]);
  ends.close();
  ends.add("app", key, listener);
  await settled();
  expect(reasons.slice(2)).toEqual(["gateway_closed"]);
});

it("a listener that throws does not keep the others from being called", async () => {
  const ends = create();
  ends.add("app", key, () => {
    throw new Error("fault of the host");
  });
  ends.add("app", key, listener);
  await settled();
  ends.close();
  expect([reasons, errors]).toEqual([["gateway_closed"], ["a listener of onEnd failed"]]);
});
