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
  "the path %s is index.html with no-cache",
  async (path) => {
    const response = await get(path);
    expect([response.status, response.body]).toEqual([200, "<!doctype html><title>app</title>"]);
    expect(response.headers.get("cache-control")).toEqual(["no-cache"]);
    expect(response.headers.get("content-type")).toEqual(["text/html; charset=utf-8"]);
  },
);

test("a hashed asset is immutable and compressed if the client accepts it", async () => {
  const plain = await get("/assets/app-1234.js");
  expect(plain.body).toBe(SCRIPT);
  expect(plain.headers.get("cache-control")).toEqual(["public, max-age=31536000, immutable"]);
  expect(plain.headers.get("vary")).toEqual(["Accept-Encoding"]);
  const small = await get("/assets/app-1234.js", ["Accept-Encoding: gzip, deflate, br, zstd"]);
  expect(small.headers.get("content-encoding")).toEqual(["br"]);
  expect(brotliDecompressSync(Buffer.from(small.body, "latin1")).toString()).toBe(SCRIPT);
});

test("an unchanged file gets 304 without a body", async () => {
  const { headers } = await get("/");
  const tag = headers.get("etag")?.[0] ?? "";
  for (const sent of [tag, tag.replace("W/", ""), `"other", ${tag}`]) {
    const response = await get("/", [`If-None-Match: ${sent}`]);
    expect([response.status, response.body]).toEqual([304, ""]);
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
])("the path %s is not found", async (path) => {
  const response = await get(path);
  expect(response.status).toBe(404);
  expect(response.body).not.toMatch(/secret|root:/i);
  expect(response.headers.get("cache-control")).toEqual(["no-store"]);
});

test("a file with a space is found by its escaped name", async () => {
  expect((await get("/a%20b.txt")).body).toBe("text");
});

test("a DELETE of a file gets 405 with Allow", async () => {
  const response = await sendRaw(gateway.port, appRequest(gateway, "DELETE /index.html"));
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")).toEqual(["GET, HEAD"]);
});

test.each(["Range: bytes=10-5", "Range: bytes=0-1", "Range: bytes=-5", "Range: nonsense"])(
  "the header %s is ignored and the whole file is sent",
  async (range) => {
    expect((await get("/assets/app-1234.js", [range])).body).toBe(SCRIPT);
  },
);

test("the build read at the start is served after its folder is replaced or removed", async () => {
  writeFileSync(join(root, "index.html"), "another, longer page than the one before, with more in it");
  expect((await get("/")).body).toBe("<!doctype html><title>app</title>");
  rmSync(join(root, "index.html"));
  expect((await get("/")).status).toBe(200);
});

test("no cookie is read or set for a static file", async () => {
  const response = await get("/", ["Cookie: __Host-Http-session=anything"]);
  expect(response.headers.has("set-cookie")).toBe(false);
});

test("SPA_ROOT without index.html is an error with its cure", () => {
  expect(checkSpaRoot(undefined)).toBeUndefined();
  expect(checkSpaRoot(join(root, "assets"))).toMatch(/^SPA_ROOT must name a folder with an index\.html\. Build/);
  expect(checkSpaRoot(join(root, "nowhere"))).toMatch(/^SPA_ROOT/);
});

test("without SPA_ROOT every page gets a 404 problem", async () => {
  const bare = await startGateway();
  const response = await sendRaw(bare.port, appRequest(bare, "GET /"));
  expect([response.status, JSON.parse(response.body)]).toEqual([404, expect.objectContaining({ code: "not_found" })]);
  await bare.stop();
});
