// Step-up: the login that a rejected request demands, and the draft that is kept for its return.
import { afterEach, describe, expect, test, vi } from "vitest";
import { draftKey } from "../src/draft.ts";
import { ORIGIN, type TabOptions, createGateway, json, problem } from "./support/fake-browser.ts";
import { openTabOfAlice } from "./support/tab-of-alice.ts";

afterEach(() => void vi.useRealTimers());

const stepUp = { acr_values: "2", max_age: "900" };
const stepUpProblem = { code: "step_up_required", loginUrl: "/bff/login?acr_values=2&max_age=900" };

/** A tab that has left for a login with a draft, and the return path. */
async function leaveWithDraft(options: TabOptions = {}) {
  const tab = await openTabOfAlice(options);
  tab.browser.handleWith(({ url }) =>
    url === "/bff/user"
      ? json({ user: { sub: "alice" }, session: { id: "s1" } })
      : problem(401, stepUpProblem.code, stepUpProblem),
  );
  const outcome = await tab.client.request("/api", { method: "POST", body: "typed" });
  if (outcome.kind !== "problem") throw new Error("expected a problem");
  expect(tab.client.stepUp(outcome.problem, { draft: { text: "typed" } })).toBe(true);
  const url = new URL(tab.visited.at(-1) ?? "", ORIGIN);
  const returnTo = url.searchParams.get("returnTo") ?? "";
  const nonce = new URL(returnTo, ORIGIN).searchParams.get("resume");
  return { ...tab, url, returnTo, nonce };
}

describe("the draft of a step-up", () => {
  test("the draft of a step-up is kept out of the URL, and the login has the demanded level", async () => {
    const { url, returnTo, nonce, stored, state } = await leaveWithDraft();
    expect(Object.fromEntries(url.searchParams)).toEqual({ ...stepUp, returnTo });
    expect(returnTo).toBe(`/orders?id=7&resume=${nonce}#x`);
    expect(nonce).toMatch(/^[\da-f-]{36}$/);
    expect(stored.get(draftKey)).toContain("typed");
    expect(state().status).toBe("authenticated");
  });

  test("the draft of a step-up is returned once to the page after the login, whose URL loses the parameter before a router reads it", async () => {
    const { browser, load, returnTo } = await leaveWithDraft();
    const page = load(returnTo);
    page.client.start();
    expect(page.href()).toBe("/orders?id=7#x");
    expect(page.client.takeDraft()).toBeNull();
    await browser.wait(1_000);
    expect(page.client.takeDraft()).toEqual({ text: "typed" });
    expect(page.client.takeDraft()).toBeNull();
    const reloaded = load(returnTo);
    reloaded.client.start();
    await browser.wait(1_000);
    expect(reloaded.client.takeDraft()).toBeNull();
  });

  const others: readonly [
    string,
    (left: Awaited<ReturnType<typeof leaveWithDraft>>) => ReturnType<typeof leaveWithDraft> | object,
  ][] = [
    ["a page without the parameter, as after the back button", ({ load }) => load("/orders?id=7")],
    ["a link with another nonce", ({ load }) => load("/orders?resume=1")],
    ["a link with an empty nonce", ({ load }) => load("/orders?resume=")],
    ["another tab", ({ browser, returnTo }) => browser.openTab({ url: returnTo })],
    [
      "another user",
      ({ browser, load, returnTo }) => {
        browser.handleWith(() => json({ user: { sub: "bob" }, session: { id: "s2" } }));
        return load(returnTo);
      },
    ],
    [
      "a browser in which no one is logged in",
      ({ browser, load, returnTo }) => {
        browser.handleWith(() => json({ user: null, session: null }));
        return load(returnTo);
      },
    ],
    [
      "a login that took more than 15 minutes",
      ({ load, returnTo }) => {
        vi.setSystemTime(16 * 60_000);
        return load(returnTo);
      },
    ],
    [
      "storage with other content",
      ({ load, returnTo, stored }) => {
        stored.set(draftKey, "{");
        return load(returnTo);
      },
    ],
  ];

  test.each(others)("is not given to %s", async (_who, open) => {
    const left = await leaveWithDraft();
    const page = open(left) as ReturnType<typeof left.load>;
    page.client.start();
    await left.browser.wait(1_000);
    expect(page.href()).not.toContain("resume");
    expect(page.state().status).not.toBe("unknown");
    expect(page.client.takeDraft()).toBeNull();
  });

  test("the draft of a step-up is deleted by a logout", async () => {
    const { browser, client, load, returnTo, stored } = await leaveWithDraft();
    createGateway(browser).logIn("alice", "s1");
    await client.logout();
    expect(stored.has(draftKey)).toBe(false);
    createGateway(browser).logIn("alice", "s3");
    const page = load(returnTo);
    page.client.start();
    await browser.wait(1_000);
    expect(page.client.takeDraft()).toBeNull();
  });

  test("the draft of a step-up is lost where the browser blocks storage, but the login works", async () => {
    const blocked = { sessionStorage: { getItem: fail, setItem: fail, removeItem: fail } };
    const { url } = await leaveWithDraft({ change: blocked });
    expect(url.searchParams.get("returnTo")).toBe("/orders?id=7#x");
  });

  function fail(): never {
    throw new DOMException("full", "QuotaExceededError");
  }
});

test("only a step_up_required with a login URL of the gateway leads to a step-up", async () => {
  const { client, browser, visited } = await openTabOfAlice();
  for (const body of [
    { code: "forbidden" },
    { code: "step_up_required", loginUrl: "https://evil.example/bff/login" },
  ]) {
    browser.handleWith(() => problem(401, body.code, body));
    const outcome = await client.request("/api");
    if (outcome.kind !== "problem") throw new Error("expected a problem");
    expect([client.stepUpUrl(outcome.problem), client.stepUp(outcome.problem)]).toEqual([null, false]);
  }
  expect(visited).toEqual([]);
});
