// SPA files: which file a path selects, and when index.html is served instead.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sendRaw, type RawResponse } from "../proxy/gateway.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

const PAGE = "<!doctype html><title>app</title>";
const SECRET = "canary-of-a-hidden-file";
const FILES: Record<string, string> = {
  "index.html": PAGE,
  "assets/app-1234.js": "let a;",
  "assets/a+b@1.0,c=d.js": "let b;",
  "assets/a b.txt": "text",
  "assets/gr\u00fc\u00dfe.txt": "greetings",
  "apple-app-site-association": '{"applinks":{}}',
  LICENSE: "{ not JSON }",
  ".well-known/security.txt": "Contact: mailto:security@app.example",
  ".well-known/apple-app-site-association": '{"applinks":{"details":[]}}',
  ".well-known/assetlinks.json": "[]",
  ".well-known/webauthn": ' {"origins":[]}',
  ".well-known/acme-challenge/t0ken": "t0ken.thumbprint",
  ".well-known/a/b/c.txt": "nested",
  ".well-known/.htaccess": SECRET,
  ".well-known/.git/config": SECRET,
  ".well-known/a/.env": SECRET,
  ".git/config": SECRET,
  ".git/HEAD": SECRET,
  ".env": SECRET,
  ".env.local": SECRET,
  ".htaccess": SECRET,
  ".DS_Store": SECRET,
  ".well-known-not/x.txt": SECRET,
  ".svn/entries": SECRET,
  "assets/.DS_Store": SECRET,
  "assets/.git/config": SECRET,
  "assets/.well-known/security.txt": SECRET,
  "assets/deep/.env": SECRET,
};
const NAVIGATION = [
  "Sec-Fetch-Site: none",
  "Sec-Fetch-Mode: navigate",
  "Sec-Fetch-Dest: document",
  "Accept: text/html",
];
const SCRIPT = ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script", "Accept: */*"];

let gateway: TestGateway;
let root: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "cloakroom-files-"));
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(join(root, dirname(name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const client = { issuer: "https://id.test", clientId: "app", clientSecret: "a-client-secret-of-the-tests" };
  gateway = await startGateway({ ...client, env: { SPA_ROOT: root } });
});
afterAll(async () => {
  await gateway.stop();
  rmSync(root, { recursive: true, force: true });
});

const ask = (path: string, headers: string[], method = "GET"): Promise<RawResponse> => {
  const { host, port } = new URL(gateway.origin);
  const head = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...headers, "Connection: close"].join("\r\n");
  return sendRaw(Number(port), `${head}\r\n\r\n`);
};

describe("a path with a dot that matches no file", () => {
  const paths = [
    "/users/jane.doe",
    "/releases/v1.2",
    "/users/jane.doe@mail.example?tab=1",
    "/v1.0",
    "/files/report.pdf",
    "/a.b/c.d",
    "/users/jane%2Edoe",
    "/assets/missing.js",
    "/@jane.doe",
    "/50%.x",
  ];
  const navigations: [name: string, headers: string[]][] = [
    ["a navigation", NAVIGATION],
    ["a navigation from another site", ["Sec-Fetch-Site: cross-site", ...NAVIGATION.slice(1)]],
    ["a navigation forwarded by a service worker", ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"]],
    ["Sec-Fetch-Mode only", ["Sec-Fetch-Mode: navigate"]],
    ["Sec-Fetch-Dest only", ["Sec-Fetch-Dest: document"]],
    ["a browser without Fetch Metadata", ["Accept: text/html,application/xhtml+xml,*/*;q=0.8"]],
  ];
  test.each(paths)("the path %s without a file is index.html for navigations", async (path) => {
    for (const [name, headers] of navigations) {
      const response = await ask(path, headers);
      expect([name, response.status, response.body]).toEqual([name, 200, PAGE]);
      expect(response.headers.get("cache-control")).toEqual(["no-cache"]);
      expect(response.headers.get("content-type")).toEqual(["text/html; charset=utf-8"]);
    }
    expect((await ask(path, NAVIGATION, "HEAD")).status).toBe(200);
  });

  const others: [name: string, headers: string[]][] = [
    ["a script", SCRIPT],
    ["a module", ["Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: script"]],
    ["an image", ["Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image", "Accept: image/avif,*/*"]],
    ["a fetch with Accept: text/html", ["Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Accept: text/html"]],
    ["a frame", ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe", "Accept: text/html"]],
    ["a program", ["Accept: */*"]],
    ["a program without Accept", []],
  ];
  test.each(paths)("the path %s without a file gets 404 for other requests", async (path) => {
    for (const [name, headers] of others) {
      const response = await ask(path, headers);
      expect([name, response.status, response.headers.get("cache-control")]).toEqual([name, 404, ["no-store"]]);
    }
  });
});

test("an existing file is served to navigations instead of index.html", async () => {
  for (const headers of [NAVIGATION, SCRIPT]) expect((await ask("/assets/app-1234.js", headers)).body).toBe("let a;");
});

test.each([
  ["/assets/a+b@1.0,c=d.js", "let b;"],
  ["/assets/a%2Bb%401.0%2Cc%3Dd.js", "let b;"],
  ["/assets/a%20b.txt", "text"],
  ["/assets/gr%C3%BC%C3%9Fe.txt", "greetings"],
  ["/%61ssets/app-1234.js?v=1", "let a;"],
])("the path %s names a file in any spelling of its characters", async (path, body) => {
  expect((await ask(path, SCRIPT)).body).toBe(body);
});

describe("/.well-known", () => {
  test.each([
    ["/.well-known/security.txt", "text/plain; charset=utf-8"],
    ["/.well-known/apple-app-site-association", "application/json; charset=utf-8"],
    ["/.well-known/assetlinks.json", "application/json; charset=utf-8"],
    ["/.well-known/webauthn", "application/json; charset=utf-8"],
    ["/.well-known/acme-challenge/t0ken", "application/octet-stream"],
    ["/.well-known/a/b/c.txt", "text/plain; charset=utf-8"],
    ["/%2ewell-known/security.txt", "text/plain; charset=utf-8"],
    ["/apple-app-site-association", "application/json; charset=utf-8"],
    ["/LICENSE", "application/octet-stream"],
  ])("the file %s is served as %s", async (path, type) => {
    for (const headers of [NAVIGATION, ["Accept: */*"]]) {
      const response = await ask(path, headers);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, [type]]);
      expect(response.body).toBe(FILES[path.slice(1).replace("%2e", ".")]);
    }
  });

  test.each([
    "/.well-known",
    "/.well-known/",
    "/.well-known/missing",
    "/.well-known/a",
    "/.well-known/change-password",
    "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200",
    "/%2Ewell-known/missing.txt",
  ])("the path %s without a file is 404 and never the app: clients decide on the status", async (path) => {
    for (const headers of [NAVIGATION, ["Accept: */*"]]) expect((await ask(path, headers)).status).toBe(404);
  });
});

describe("hidden files get 404, never index.html", () => {
  const hidden = Object.keys(FILES).filter((name) => FILES[name] === SECRET);
  const escaped = hidden.flatMap((name) => [
    name.replaceAll(".", "%2e"),
    name.replaceAll(".", "%2E"),
    name.replace(/\/\./, "%2f."),
    name.replace(/\/\./, "%5C%2e"),
    name.replace(/(?<=\.)[a-z]/i, (char) => `%${char.charCodeAt(0).toString(16)}`),
    `assets/../${name}`,
    `./${name}`,
  ]);
  const missing = [".git", ".git/", ".env.production", ".aws/credentials", "assets/.env", ".WELL-KNOWN/security.txt"];
  const odd = [
    "..well-known/x",
    "%zz/%2egit/config",
    ".%77ell-known/%2egit/config",
    "a/..%2f.env",
    ".well-known%2f.git",
  ];
  test.each([...new Set([...hidden, ...escaped, ...missing, ...odd])])(
    "the hidden file /%s gets 404, never index.html",
    async (name) => {
      for (const headers of [NAVIGATION, SCRIPT, ["Accept: */*"]]) {
        const response = await ask(`/${name}`, headers);
        expect([response.status, response.body.includes(SECRET)]).toEqual([404, false]);
      }
    },
  );
});

test("broken symbolic links and links to a parent folder do not prevent startup", async () => {
  const root = mkdtempSync(join(tmpdir(), "cloakroom-links-"));
  mkdirSync(join(root, "a/b"), { recursive: true });
  writeFileSync(join(root, "index.html"), PAGE);
  writeFileSync(join(root, "a/x.txt"), "text");
  symlinkSync(join(root, "missing"), join(root, "nowhere.txt"));
  symlinkSync(root, join(root, "a/b/up"));
  symlinkSync("x.txt", join(root, "a/y.txt"));
  const linked = await startGateway({
    ...{ issuer: "https://id.test", clientId: "app", clientSecret: "a-client-secret-of-the-tests" },
    env: { SPA_ROOT: root },
  });
  const statusOf = async (path: string) => (await fetch(linked.origin + path)).status;
  expect(await statusOf("/a/y.txt")).toBe(200);
  for (const path of ["/nowhere.txt", "/a/b/up/a/x.txt"]) expect([path, await statusOf(path)]).toEqual([path, 404]);
  await linked.stop();
});
