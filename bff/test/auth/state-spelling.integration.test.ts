// A state is accepted in its canonical base64url spelling only. A second spelling would resume the attempt twice.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeBase64Url } from "../../src/lib/base64url.ts";
import { createVault } from "../../src/tokens/vault.ts";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { expiredTokens, sealersOf, testKeys } from "@cloakroom/testkit/stored-session.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Spellings that a lenient decoder decodes to the same bytes. The last character has 2 or 4 unused bits. */
const SPELLINGS: [title: string, respell: (text: string) => string][] = [
  [
    "another last character",
    (text) =>
      text.split(".").at(-1)!.length % 4 === 0
        ? text
        : text.slice(0, -1) + ALPHABET[ALPHABET.indexOf(text.at(-1)!) ^ 1],
  ],
  ["one padding character", (text) => `${text}=`],
  ["two padding characters", (text) => `${text}==`],
  ["padding inside", (text) => `${text.slice(0, -4)}=${text.slice(-4)}`],
  ["the base64 alphabet", (text) => text.replaceAll("-", "+").replaceAll("_", "/")],
  ["a trailing space", (text) => `${text} `],
  ["a space inside", (text) => `${text.slice(0, -4)} ${text.slice(-4)}`],
  ["a line break", (text) => `${text}\n`],
  ["a tab", (text) => `${text}\t`],
  ["0xA0", (text) => `${text}\u00a0`],
  ["a character outside the alphabet", (text) => `${text.slice(0, -4)}*${text.slice(-4)}`],
  ["a trailing dot", (text) => `${text}.`],
  ["NUL", (text) => `${text}\0`],
  ["a character that adds no byte", (text) => (text.split(".").at(-1)!.length % 4 === 0 ? `${text}A` : text)],
  ["full-width letters", (text) => text.replace("A", "\uff21")],
];

/** A text per length class; the encoding contains both special characters. */
const samples = [30, 31, 32].map((bytes) => Buffer.alloc(bytes, 0xfb).fill(0xff, 10, 20).toString("base64url"));

describe("base64url decoder", () => {
  it("canonical base64url is decoded", () => {
    for (const sample of samples) expect(decodeBase64Url(sample)?.toString("base64url")).toBe(sample);
    expect(decodeBase64Url("")).toHaveLength(0);
  });

  it.each(SPELLINGS)("%s is not decoded", (_title, respell) => {
    for (const sample of samples)
      if (respell(sample) !== sample) expect(decodeBase64Url(respell(sample)), sample).toBeUndefined();
  });
});

describe.each(SPELLINGS)("%s", (_title, respell) => {
  it("a sealed value in this spelling is not opened", () => {
    const sealer = sealersOf(testKeys)("a test");
    const vault = createVault(sealersOf(testKeys));
    for (const length of [1, 2, 3]) {
      const sealed = sealer.seal("x".repeat(length), "context");
      if (respell(sealed) !== sealed) expect(sealer.open(respell(sealed), "context")).toBeUndefined();
      const tokens = vault.seal({ ...expiredTokens(), scope: "x".repeat(length) }, "id");
      if (respell(tokens) !== tokens) expect(vault.open(respell(tokens), "id")).toBeUndefined();
    }
  });
});

describe("callback", () => {
  let provider: HostileProvider;
  let gateway: TestGateway;
  beforeAll(async () => {
    provider = await startHostileProvider();
    gateway = await startGateway(provider);
  });
  afterAll(async () => {
    await gateway.stop();
    await provider.stop();
  });

  /** The redirect to the callback, without the Strict session cookie. */
  const comeBack = (browser: TestBrowser, callback: string) => {
    browser.cookies.delete("__Host-Http-session");
    return browser.navigate(callback, { "sec-fetch-site": "cross-site" });
  };
  const withState = (callback: string, respell: (state: string) => string) => {
    const url = new URL(callback);
    url.searchParams.set("state", respell(url.searchParams.get("state")!));
    return url.href;
  };

  // Return paths of several lengths, so that the state ends with 0, 2 or 4 unused bits.
  const rows = SPELLINGS.flatMap(([title, respell]) =>
    ["/a", "/ab", "/abc"].map((path) => [title, path, respell] as const),
  );
  it.each(rows)(
    "a state with %s does not resume the login attempt for %s, before or after the genuine callback",
    async (_title, path, respell) => {
      const browser = testBrowser(gateway.origin);
      const callback = await browser.loginAtProvider(`?returnTo=${path}`);
      const other = withState(callback, respell);
      if (other === withState(callback, (state) => state)) return;
      const before = provider.counts.token;
      expect((await comeBack(browser, other)).status).toBe(400);
      expect((await comeBack(browser, callback)).headers.get("location")).toContain(path);
      expect((await comeBack(browser, other)).status).toBe(400);
      expect((await comeBack(browser, callback)).headers.get("location")).toContain(path);
      expect(provider.counts.token - before).toBe(1);
    },
  );

  it("a percent-encoded state is the same state and is used once", async () => {
    const browser = testBrowser(gateway.origin);
    const callback = await browser.loginAtProvider();
    const state = new URL(callback).searchParams.get("state")!;
    const escaped = callback.replace(state, `%${state.charCodeAt(0).toString(16)}${state.slice(1)}`);
    expect(escaped).not.toBe(callback);
    const before = provider.counts.token;
    for (const each of [escaped, callback, escaped]) expect((await comeBack(browser, each)).status).toBe(303);
    expect(provider.counts.token - before).toBe(1);
  });
});
