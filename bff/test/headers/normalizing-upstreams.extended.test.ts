// Identity headers at upstreams that normalize names: a WSGI server (Python's wsgiref) and nginx with
// `underscores_in_headers on`. Each one reads a variable, as applications do. Skipped where the program is missing.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { findOnPath } from "@cloakroom/testkit/programs.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { sendRaw } from "../proxy/gateway.ts";
import { rowsFile } from "./identity-rows.ts";

const WSGI = `
import sys
from wsgiref.simple_server import make_server, WSGIRequestHandler
class Quiet(WSGIRequestHandler):
    def log_message(self, *args): pass
def app(environ, start_response):
    body = environ.get("HTTP_X_TENANT", "(absent)").encode("latin-1")
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
make_server("127.0.0.1", int(sys.argv[1]), app, handler_class=Quiet).serve_forever()
`;

const nginxConfig = (port: number, folder: string) => `
daemon off; pid ${folder}/pid; error_log stderr crit;
events {}
http {
  access_log off; underscores_in_headers on; ignore_invalid_headers off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server { listen 127.0.0.1:${port}; location / { default_type text/plain; return 200 "$http_x_tenant"; } }
}`;

const start: Record<string, (port: number) => ChildProcess | undefined> = {
  "a WSGI server"(port) {
    const python = findOnPath(["python3"]);
    return python === undefined ? undefined : spawn(python, ["-c", WSGI, String(port)], { stdio: "ignore" });
  },
  nginx(port) {
    const nginx = findOnPath(["nginx"]);
    const folder = mkdtempSync(join(tmpdir(), "cloakroom-nginx-"));
    writeFileSync(join(folder, "nginx.conf"), nginxConfig(port, folder));
    const args = ["-p", folder, "-c", join(folder, "nginx.conf")];
    return nginx === undefined ? undefined : spawn(nginx, args, { stdio: "ignore" });
  },
};

describe.each(Object.keys(start))("%s", (name) => {
  let provider: HostileProvider;
  let gateway: TestGateway | undefined;
  let server: ChildProcess | undefined;

  beforeAll(async () => {
    provider = await startHostileProvider();
    const port = await freePort();
    server = start[name]!(port);
    if (server === undefined) return;
    const baseUrl = `http://127.0.0.1:${port}`;
    const isUp = () =>
      fetch(baseUrl).then(
        (response) => response.status === 200,
        () => false,
      );
    await until(`${name} responds`, isUp, { timeoutMs: 10_000 });
    const rows = [
      { prefix: "/api", baseUrl, identityHeaders: { "X-Tenant": "tenant" } },
      { prefix: "/open", baseUrl, access: "public", csrf: "header" },
    ];
    gateway = await startGateway({ ...provider, env: { UPSTREAMS_FILE: rowsFile(rows) } });
  });
  afterAll(async () => {
    await gateway?.stop();
    server?.kill();
    await provider.stop();
  });

  it("an upstream that normalizes names reads the session's value only", async (context) => {
    if (gateway === undefined) return context.skip();
    provider.overrides = { claims: (honest) => ({ ...honest, tenant: "acme" }) };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(303);
    const cookie = [...browser.cookies].map(([key, value]) => `${key}=${value}`).join("; ");
    const { host, port } = new URL(gateway.origin);
    for (const spelling of ["X_Tenant", "x_tenant", "X_TENANT", "X-Tenant", "X.Tenant", "X~Tenant", "X--Tenant"])
      for (const [path, expected] of [
        ["/api/x", /^acme$/],
        ["/open/x", /^(\(absent\))?$/],
      ] as const) {
        const fields = [`Host: ${host}`, "X-CSRF: 1", "Sec-Fetch-Site: same-origin", `Cookie: ${cookie}`];
        const lines = [...fields, `${spelling}: admin`, "Connection: close"].join("\r\n");
        const { status, body } = await sendRaw(Number(port), `GET ${path} HTTP/1.1\r\n${lines}\r\n\r\n`);
        expect([spelling, path, status, body]).toEqual([spelling, path, 200, expect.stringMatching(expected)]);
      }
  });
});
