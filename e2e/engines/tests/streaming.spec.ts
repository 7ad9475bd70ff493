// Event streams, WebSockets and large bodies through the gateway.
import {
  ALICE,
  call,
  click,
  CONNECT,
  eventually,
  expectText,
  logIn,
  SAY_IT,
  START_LISTENING,
  TEXT,
} from "../support/app.ts";
import { expect, test } from "../support/test.ts";

const BYTES = 3_000_000;

test.beforeEach(async ({ tab, demo }) => {
  await tab.goTo(`${demo.origin}/call`);
  await logIn(tab, ALICE);
});

test("an event stream delivers events as the API sends them", async ({ tab }) => {
  await click(tab, START_LISTENING);
  await expectText(tab, `"for":"${ALICE.username}"`);
  await expectText(tab, '"number":2');
});

test("a WebSocket carries messages both ways", async ({ tab }) => {
  await click(tab, CONNECT);
  await expectText(tab, TEXT.connected);
  await eventually(() => tab.fill(TEXT.saySomething, "guten Abend, Zoë"));
  await click(tab, SAY_IT);
  await expectText(tab, `${ALICE.username}: guten Abend, Zoë`);
});

test("a logout in another tab closes the WebSocket with code 4401", async ({ tab, newTab, demo }) => {
  await tab.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const socket = new WebSocket("/api/socket");
        socket.addEventListener("close", ({ code }) => document.body.setAttribute("data-closed", String(code)));
        socket.addEventListener("open", () => resolve());
      }),
  );
  const second = await newTab();
  await second.goTo(demo.origin);
  expect((await call(second, "/bff/logout", "POST")).status).toBe(200);
  await eventually(async () => expect(await tab.evaluate(() => document.body.dataset["closed"])).toBe("4401"));
});

test("a download and an upload of 3 MB arrive unmodified", async ({ tab }) => {
  const result = await tab.evaluate(async (bytes) => {
    const init = { headers: { "X-CSRF": "1" } };
    const hex = async (body: ArrayBuffer) =>
      [...new Uint8Array(await crypto.subtle.digest("SHA-256", body))].map((byte) =>
        byte.toString(16).padStart(2, "0"),
      );
    const body = await (await fetch(`/api/download?bytes=${bytes}`, init)).arrayBuffer();
    const stored = await fetch("/api/upload", { ...init, method: "POST", body });
    const { bytes: received, sha256 } = (await stored.json()) as { bytes: number; sha256: string };
    return { downloaded: body.byteLength, received, isSame: sha256 === (await hex(body)).join("") };
  }, BYTES);
  expect(result).toEqual({ downloaded: BYTES, received: BYTES, isSame: true });
});
