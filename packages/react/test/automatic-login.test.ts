// Logins that start without a click: when they may, and at most one per tab.
import { initialState, type SessionState } from "@cloakroom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { mayStartByItself, resetAutomaticLogin, startAutomaticLogin } from "../src/automatic-login.ts";
import { anonymous, createGateway, loggedIn } from "./support.ts";

class FakeStorage {
  readonly #items = new Map<string, string>();
  getItem(name: string): string | null {
    return this.#items.get(name) ?? null;
  }
  setItem(name: string, value: string): void {
    this.#items.set(name, value);
  }
  removeItem(name: string): void {
    this.#items.delete(name);
  }
}

beforeEach(() => void vi.stubGlobal("sessionStorage", new FakeStorage()));
afterEach(() => void vi.unstubAllGlobals());

const none = { user: null, session: null } as const;
const anonymousState: SessionState<unknown> = { ...initialState, ...none, status: "anonymous", silentLogin: null };

const rows: readonly [when: string, state: SessionState<unknown>, expected: boolean][] = [
  ["there was no session", anonymousState, true],
  ["the session has expired", { ...anonymousState, endReason: "session_expired", renderedSub: "alice" }, false],
  ["the notice of the ended session was dismissed", { ...anonymousState, renderedSub: "alice" }, false],
  ["a logout is in progress", { ...anonymousState, logout: { kind: "pending", everywhere: false } }, false],
  ["the session is not known", { ...initialState, ...none, status: "unknown" }, false],
];

it.each(rows)("mayStartByItself decides when %s", (_when, state, expected) => {
  expect(mayStartByItself(state)).toBe(expected);
});

it("the login starts once per tab, and again after a user was logged in", async () => {
  const { client, navigations } = createGateway(anonymous);
  await client.ensureLoaded();
  expect([startAutomaticLogin(client), startAutomaticLogin(client)]).toEqual([true, false]);
  expect(navigations).toEqual(["/bff/login?returnTo=%2Forders%3Fpage%3D2"]);
  resetAutomaticLogin();
  expect(startAutomaticLogin(client)).toBe(true);
});

it("the login does not use its attempt where it must not start", async () => {
  const gateway = createGateway(loggedIn());
  await gateway.client.ensureLoaded();
  gateway.user = anonymous;
  await gateway.client.check();
  expect(startAutomaticLogin(gateway.client)).toBe(false);
  expect(sessionStorage.getItem("cloakroom-automatic-login")).toBeNull();
  expect(gateway.navigations).toEqual([]);
});

const blocked: readonly [what: string, storage: object][] = [
  [
    "throws",
    {
      getItem: () => {
        throw new Error("blocked");
      },
    },
  ],
  ["stores nothing", { getItem: () => null, setItem: () => undefined }],
];

it.each(blocked)("the login does not start with storage that %s: it could be a loop", async (_what, storage) => {
  vi.stubGlobal("sessionStorage", storage);
  const { client, navigations } = createGateway(anonymous);
  await client.ensureLoaded();
  expect(startAutomaticLogin(client)).toBe(false);
  expect(navigations).toEqual([]);
});
