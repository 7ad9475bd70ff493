import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkSpaRoot } from "../../src/http/spa-files.ts";
import { appRequest, sendRaw, startGateway, type TestGateway } from "../proxy/gateway.ts";

const SCRIPT = "let a;".repeat(1_000);
let gateway: TestGateway;
let root: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "spa-"));
  mkdirSync(join(root, "assets"));
  mkdirSync(join(root, ".git"));
  writeFileSync(join(root, "index.html"), "<!doctype html><title>app</title>");
  writeFileSync(join(root, "assets", "app-1234.js"), SCRIPT);
  writeFileSync(join(root, "a b.txt"), "text");
  writeFileSync(join(root, ".env"), "SECRET=1");
  writeFileSync(join(root, ".git", "config"), "secret");
  symlinkSync(join(root, "a b.txt"), join(root, "link.txt"));
  gateway = await startGateway({ spaRoot: root });
});
afterAll(async () => {
  await gateway.stop();
  rmSync(root, { recursive: true, force: true });
});
const get = (path: string, extra: string[] = []) => sendRaw(gateway.port, appRequest(gateway, `GET ${path}`, extra));

test.each(["/", "/profile", "/deep/link?x=1", "/index.html"])(
  "%s is the app, to be asked for again each time",
  async (path) => {
    const answer = await get(path);
    expect([answer.status, answer.body]).toEqual([200, "<!doctype html><title>app</title>"]);
    expect(answer.headers.get("cache-control")).toEqual(["no-cache"]);
    expect(answer.headers.get("content-type")).toEqual(["text/html; charset=utf-8"]);
  },
);

test("a hashed asset may be kept for ever, and comes compressed to whoever takes it", async () => {
  const plain = await get("/assets/app-1234.js");
  expect(plain.body).toBe(SCRIPT);
  expect(plain.headers.get("cache-control")).toEqual(["public, max-age=31536000, immutable"]);
  expect(plain.headers.get("vary")).toEqual(["Accept-Encoding"]);
  const small = await get("/assets/app-1234.js", ["Accept-Encoding: gzip, deflate, br, zstd"]);
  expect(small.headers.get("content-encoding")).toEqual(["br"]);
  expect(brotliDecompressSync(Buffer.from(small.body, "latin1")).toString()).toBe(SCRIPT);
});

test("an unchanged file is 304 without a body", async () => {
  const { headers } = await get("/");
  const tag = headers.get("etag")?.[0] ?? "";
  for (const sent of [tag, tag.replace("W/", ""), `"other", ${tag}`]) {
    const answer = await get("/", [`If-None-Match: ${sent}`]);
    expect([answer.status, answer.body]).toEqual([304, ""]);
  }
  expect((await get("/", ['If-None-Match: "other"'])).status).toBe(200);
});

test.each([
  "/assets/none.js",
  "/favicon.ico",
  "/.env",
  "/.git/config",
  "/assets/..%2f.env",
  "/assets/%2e%2e/.env",
  "/../../etc/passwd.txt",
  "/__proto__.x",
])("%s is not found", async (path) => {
  const answer = await get(path);
  expect(answer.status).toBe(404);
  expect(answer.body).not.toMatch(/secret|root:/i);
  expect(answer.headers.get("cache-control")).toEqual(["no-store"]);
});

test("a file with a space is found by its escaped name", async () => {
  expect((await get("/a%20b.txt")).body).toBe("text");
});

test("writing is 405 with Allow", async () => {
  const answer = await sendRaw(gateway.port, appRequest(gateway, "DELETE /index.html"));
  expect(answer.status).toBe(405);
  expect(answer.headers.get("allow")).toEqual(["GET, HEAD"]);
});

test.each(["Range: bytes=10-5", "Range: bytes=0-1", "Range: bytes=-5", "Range: nonsense"])(
  "%s is ignored: the whole file is always right",
  async (range) => {
    expect((await get("/assets/app-1234.js", [range])).body).toBe(SCRIPT);
  },
);

test("a build that is replaced or removed while we run is served as it was", async () => {
  writeFileSync(join(root, "index.html"), "another, longer page than the one before, with more in it");
  expect((await get("/")).body).toBe("<!doctype html><title>app</title>");
  rmSync(join(root, "index.html"));
  expect((await get("/")).status).toBe(200);
});

test("no cookie is read or set for a static file", async () => {
  const answer = await get("/", ["Cookie: __Host-Http-session=anything"]);
  expect(answer.headers.has("set-cookie")).toBe(false);
});

test("a root without index.html is told in one sentence with its cure", () => {
  expect(checkSpaRoot(undefined)).toBeUndefined();
  expect(checkSpaRoot(join(root, "assets"))).toMatch(/^SPA_ROOT must name a folder with an index\.html\. Build/);
  expect(checkSpaRoot(join(root, "nowhere"))).toMatch(/^SPA_ROOT/);
});

test("without SPA_ROOT every page is a 404 problem", async () => {
  const bare = await startGateway();
  const answer = await sendRaw(bare.port, appRequest(bare, "GET /"));
  expect([answer.status, JSON.parse(answer.body)]).toEqual([404, expect.objectContaining({ code: "not_found" })]);
  await bare.stop();
});
