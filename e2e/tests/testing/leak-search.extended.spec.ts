// The leak search of @cloakroom/testing finds a token in every channel by which a browser can see one, and accepts a clean app.
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { test as base, expect } from "@cloakroom/testing/playwright";
import { startLeakingApi } from "@cloakroom/testkit/leaking-api.ts";
import { call } from "../../support/page-requests.ts";

const PAGES = fileURLToPath(new URL("../../support/plain-pages", import.meta.url));

const test = base.extend({
  cloakroom: [
    async ({ browserName: _browser }, use) => {
      const api = await startLeakingApi();
      await use({ pages: PAGES, upstreams: { "/api": api.url }, store: "memory" });
      await api.stop();
    },
    { scope: "worker" },
  ],
});

type Channel = {
  /** Of the leak that must be reported. */
  location: RegExp;
  form?: RegExp;
  kind?: RegExp;
  leak: (page: Page, token: string) => Promise<unknown>;
};

const request = (path: string) => (page: Page) => call(page, `/api/${path}`);

const CHANNELS: Readonly<Record<string, Channel>> = {
  "a response body": { location: /^body of GET \/api\/body 200$/, form: /^as it is$/, leak: request("body") },
  "the signature of a token": { location: /^body/, kind: /\(signature\)$/, leak: request("signature") },
  "the end of a token": { location: /^body/, form: /a part of it/, leak: request("truncated") },
  "base64 of JSON": { location: /^body/, form: /base64/, leak: request("base64") },
  "base64 after one byte": { location: /^body/, form: /base64/, leak: request("base64-1") },
  "base64 after two bytes": { location: /^body/, form: /base64/, leak: request("base64-2") },
  hex: { location: /^body/, form: /hex/, leak: request("hex") },
  "escapes of JSON": { location: /^body/, form: /escaped/, leak: request("escaped") },
  "percent-encoding": { location: /^body/, form: /percent-encoded/, leak: request("percent") },
  "a list of pieces": { location: /^body/, form: /in pieces/, leak: request("pieces") },
  "a response header": { location: /^header x-debug-token/i, leak: request("header") },
  "a redirect": { location: /^header location of GET \/api\/redirect 302$/i, leak: request("redirect") },
  "the URL after a redirect": { location: /^request URL of GET \/api\/clean/, leak: request("redirect") },
  "an event stream in pieces": { location: /^body of GET \/api\/stream/, form: /in pieces/, leak: request("stream") },
  "frames of a WebSocket": {
    location: /^WebSocket .*received/,
    leak: (page) =>
      page.evaluate(
        () =>
          new Promise((resolve) => {
            const socket = new WebSocket("/api/socket");
            socket.onmessage = () => setTimeout(resolve, 200);
          }),
      ),
  },
  "the query of a page": { location: /^request URL of GET \//, leak: (page, token) => page.goto(`/?token=${token}`) },
  "a fragment": {
    location: /^address$/,
    leak: (page, token) => page.evaluate((text) => (location.hash = text), token),
  },
  "a request body": {
    location: /^request body of POST/,
    leak: (page, token) => call(page, "/api/clean", { method: "POST", body: token }),
  },
  "the console": {
    location: /^console$/,
    leak: (page, token) =>
      page.evaluate((text) => {
        const { log } = console;
        log("debug", { text });
      }, token),
  },
  "a script error": {
    location: /^script error$/,
    leak: async (page, token) => {
      const failed = page.waitForEvent("pageerror");
      await page.evaluate((text) => {
        queueMicrotask(() => {
          throw new Error(text);
        });
      }, token);
      await failed;
    },
  },
  localStorage: {
    location: /^localStorage of/,
    leak: (page, token) => page.evaluate((text) => localStorage.setItem("auth", JSON.stringify({ text })), token),
  },
  "localStorage of a closed page": {
    location: /^localStorage of/,
    leak: async (page, token) => {
      await page.evaluate((text) => localStorage.setItem("auth", text), token);
      await page.close();
    },
  },
  "several entries of localStorage": {
    location: /^localStorage of/,
    leak: (page, token) =>
      page.evaluate((text) => {
        const signature = text.split(".")[2] ?? "";
        for (let at = 0; at < signature.length; at += 15)
          localStorage.setItem(`a${1_000 + at}`, signature.slice(at, at + 15));
      }, token),
  },
  sessionStorage: {
    location: /^storage, cookies and history/,
    leak: (page, token) => page.evaluate((text) => sessionStorage.setItem("auth", text), token),
  },
  "a cookie that scripts can read": {
    location: /^cookie token of localhost/,
    leak: (page, token) => page.evaluate((text) => (document.cookie = `token=${text.split(".")[2]}`), token),
  },
  IndexedDB: {
    location: /^IndexedDB of/,
    leak: (page, token) =>
      page.evaluate(
        (text) =>
          new Promise<void>((resolve, reject) => {
            const opening = indexedDB.open("app", 1);
            opening.onupgradeneeded = () => opening.result.createObjectStore("auth");
            opening.onerror = () => reject(opening.error as Error);
            opening.onsuccess = () => {
              const writing = opening.result.transaction("auth", "readwrite");
              writing.objectStore("auth").put({ nested: [text] }, "key");
              writing.oncomplete = () => {
                opening.result.close();
                resolve();
              };
            };
          }),
        token,
      ),
  },
  "cache storage of a service worker": {
    location: /^cache storage \(v1\)$/,
    leak: (page, token) =>
      page.evaluate(async (text) => (await caches.open("v1")).put("/offline", new Response(text)), token),
  },
  "the state of the history": {
    location: /^storage, cookies and history/,
    leak: (page, token) => page.evaluate((text) => history.replaceState({ text }, ""), token),
  },
  "window.name": {
    location: /^storage, cookies and history/,
    leak: (page, token) => page.evaluate((text) => void (window.name = text), token),
  },
  "the document": {
    location: /^document of \/$/,
    leak: (page, token) => page.evaluate((text) => document.body.append(text), token),
  },
};

test.describe("a leak is found", () => {
  for (const [name, { location, form, kind = /./, leak }] of Object.entries(CHANNELS))
    test(`in ${name}`, async ({ page, login, user, provider, leaks, expectNoLeak }) => {
      await login(page, user);
      await page.goto("/");
      await call(page, "/api/clean");
      await expectNoLeak();
      const { accessTokens } = await provider.issuedTokens();
      await leak(page, accessTokens.at(-1) ?? "");
      // The recording of a response ends after the page has received it.
      const found = async () => (await leaks.search()).leaks;
      await expect
        .poll(async () =>
          (await found()).filter(
            (each) => location.test(each.location) && kind.test(each.kind) && (form?.test(each.form) ?? true),
          ),
        )
        .not.toEqual([]);
      await expect(expectNoLeak()).rejects.toThrow(/The browser has seen/);
    });
});

test("a report of leaks contains no secret", async ({ page, login, user, provider, expectNoLeak }) => {
  await login(page, user);
  await page.goto("/");
  await call(page, "/api/body");
  const [, payload = "", signature = ""] = ((await provider.issuedTokens()).accessTokens.at(-1) ?? "").split(".");
  const error = await expectNoLeak().catch((thrown: Error) => thrown.message);
  expect(error).toContain("accessTokens in body of GET /api/body 200 (as it is)");
  expect(error).not.toContain(payload.slice(0, 30));
  expect(error).not.toContain(signature.slice(0, 30));
});

test("a leak to a browser that the test has opened itself is found", async ({
  browser,
  system,
  login,
  user,
  leaks,
}) => {
  const context = await browser.newContext({ baseURL: system.origin });
  leaks.watch(context);
  await login(context, user);
  const page = await context.newPage();
  await page.goto("/");
  await page.evaluate(
    (text) => sessionStorage.setItem("x", text),
    (await system.provider.issuedTokens()).idTokens.at(-1)!,
  );
  expect((await leaks.search()).leaks.map(({ kind }) => kind)).toContain("idTokens");
  await context.close();
});
