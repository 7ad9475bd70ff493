// `cloakroom check`: exit status, faults, warnings and summary.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fileWith, MINIMAL, SECRET } from "../config/file/config-files.ts";

const check = (...args: string[]) => checkWith({}, ...args);

function checkWith(env: Record<string, string>, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "../../bin/cloakroom.mjs"), "check", ...args],
    { env: { PATH: process.env["PATH"] ?? "", NODE_NO_WARNINGS: "1", ...env }, encoding: "utf8" },
  );
  return { status, stdout, stderr };
}

const rows = "upstreams: [{ prefix: /api, baseUrl: http://orders, requiredRoles: [clerk] }]\n";

it("a valid file is summarized with its applications and rows", () => {
  const { status, stdout, stderr } = check("--config", fileWith(`${MINIMAL}id: shop\n${rows}`));
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^shop {2}https:\/\/shop\.example/);
  expect(stdout).toContain("/api -> http://orders  access session, token user, csrf header, roles clerk");
  expect(stdout).toMatch(/The configuration is valid\. Hash [0-9a-f]{16}\.\n$/);
  expect(stdout).not.toContain(SECRET);
});

const PROTECTED = `${MINIMAL}id: shop
contentSecurityPolicy:
  additions: { script-src: [https://cdn.example.com], style-src: [unsafe-inline], connect-src: ["*"] }
  allow: [wildcard-connections]
  reportOnly: true
  trustedTypes: off
headers: { permissionsPolicy: { camera: [self] }, strictTransportSecurity: off, crossOriginOpenerPolicy: unsafe-none }
upstreams:
  - prefix: /api
    baseUrl: http://orders
    methods: [GET, POST]
    requiredScopes: [orders]
    encodedSlashes: true
    maxBodyBytes: 1000
    headers: { X-Api-Key: ${SECRET} }
    identityHeaders: { X-User-Email: email }
    rateLimit: { perUser: { requests: 600, seconds: 60 }, perAddress: { requests: 10, seconds: 1 } }
  - prefix: /machines
    baseUrl: http://machines
    access: bearer
    bearer: { audience: [https://api.example.com], dpop: required }
`;

it("the summary lists the protections of applications and rows", () => {
  const { stdout } = check("--config", fileWith(PROTECTED));
  for (const words of [
    /Content-Security-Policy adds: .*script-src https:\/\/cdn\.example\.com/,
    /Permissions-Policy: camera=\(self\)/,
    /weakened: Content-Security-Policy allows wildcard-connections; Content-Security-Policy only reports; Trusted Types off; Cross-Origin-Opener-Policy unsafe-none; no Strict-Transport-Security$/m,
    /\/api .*scopes orders, methods GET POST, identity headers x-user-email \(email\), per user 600 requests in 60 s, per address 10 requests in 1 s/,
    /\/api .*encodedSlashes true, maxBodyBytes 1000/,
    /\/machines .*access bearer, token user, csrf none, audience https:\/\/api\.example\.com, DPoP required/,
  ])
    expect(stdout).toMatch(words);
  expect(stdout).not.toContain(SECRET);
});

it("--json lists the protections of applications and rows", () => {
  const { stdout } = check("--json", "--config", fileWith(PROTECTED));
  expect(stdout).not.toContain(SECRET);
  expect(JSON.parse(stdout)).toMatchObject({
    applications: [
      {
        contentSecurityPolicy: {
          additions: { "connect-src": ["*"], "style-src": ["'unsafe-inline'"] },
          ...{ allow: ["wildcard-connections"], reportOnly: true, reports: "gateway", trustedTypes: "off" },
        },
        headers: { strictTransportSecurity: null, permissionsPolicy: { camera: "(self)" } },
        weakened: expect.arrayContaining(["Trusted Types off"]),
        rows: [
          { prefix: "/machines", bearer: { audience: ["https://api.example.com"], dpop: "required" } },
          {
            ...{ prefix: "/api", methods: ["GET", "POST"], headers: ["x-api-key"], requiredScopes: ["orders"] },
            ...{ identityHeaders: { "x-user-email": "email" }, rateLimit: { perUser: { requests: 600, seconds: 60 } } },
            others: { encodedSlashes: true, maxBodyBytes: 1000 },
          },
        ],
      },
    ],
  });
});

it("the summary of the defaults is not weakened", () => {
  const { stdout } = check("--json", "--config", fileWith(MINIMAL + rows));
  expect(JSON.parse(stdout)).toMatchObject({ applications: [{ weakened: [], rows: [{ others: {} }] }] });
});

it("an invalid file exits with 78 and all faults, each with its line", () => {
  const file = fileWith(`${MINIMAL}wrkers: 2\nsession: { idleSeconds: 1 }\n`);
  const { status, stderr } = check("--config", file);
  expect(status).toBe(78);
  expect(stderr).toContain(`${file}:7: wrkers is not known. Did you mean workers?`);
  expect(stderr).toContain(`${file}:8: session.idleSeconds must be a whole number`);
  expect(stderr).toContain("2 settings are wrong.");
});

it.each<[what: string, pages: string]>([
  ["no folder", "pages: { root: ./nowhere }"],
  ["a folder without an app", "pages: { root: . }"],
])(
  "a folder of pages that cannot be served (%s) is reported with its line, beside all other faults",
  (_what, pages) => {
    const file = fileWith(`${MINIMAL}wrkers: 2\n${pages}\nsession: { idleSeconds: 1 }\n`);
    const { status, stderr } = check("--config", file);
    expect(status).toBe(78);
    expect(stderr).toContain(`${file}:7: wrkers is not known.`);
    expect(stderr).toContain(`${file}:8: pages.root must name a folder with an index.html. Build the SPA first`);
    expect(stderr).toContain(`${file}:9: session.idleSeconds must be a whole number`);
  },
);

it("a warning about valid settings names paths of the file", () => {
  const text = `${MINIMAL.replace("provider:\n", "provider:\n  timeoutSeconds: 60\n")}session: { idleSeconds: 60 }\n`;
  const { status, stdout } = check("--config", fileWith(text));
  expect({ status, warning: /^warning: .*$/m.exec(stdout)?.[0] }).toEqual({
    ...{
      status: 0,
      warning: expect.stringContaining("session.idleSeconds is not longer than provider.timeoutSeconds"),
    },
  });
});

it("--json prints one object", () => {
  const valid = JSON.parse(check("--json", "--config", fileWith(MINIMAL + rows)).stdout) as Record<string, unknown>;
  expect(valid).toMatchObject({ valid: true, applications: [{ origin: "https://shop.example", rows: [{}] }] });
  const invalid = check("--json", "--config", fileWith("workers: x\n"));
  expect(invalid.status).toBe(78);
  expect(JSON.parse(invalid.stdout)).toMatchObject({ valid: false, faults: expect.any(Array) });
});

it("an unknown option is a usage error", () => {
  expect(check("--frobnicate")).toMatchObject({ status: 2, stderr: expect.stringContaining("--frobnicate") });
});

it("an empty CLOAKROOM_CONFIG is unset: the environment variables are checked", () => {
  const { status, stderr } = checkWith({ CLOAKROOM_CONFIG: "" });
  expect(status).toBe(78);
  expect(stderr).toMatch(/^OIDC_ISSUER /m);
});

it("a file with very many faults is reported with 50 of them and the number of all", () => {
  const file = fileWith(`${MINIMAL}${Array.from({ length: 2_000 }, (_, index) => `unknown${index}: 1\n`).join("")}`);
  const { status, stderr } = check("--config", file);
  expect(status).toBe(78);
  expect(stderr.split("\n")).toHaveLength(53);
  expect(stderr).toMatch(/^and 1950 more\n2000 settings are wrong\.\n$/m);
});
