// Valid configuration files: each value becomes what the environment would hold.
import { mkdirSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { describe, expect, it } from "vitest";
import { ConfigError, loadGatewayConfig, type Config } from "../../../src/config/config.ts";
import { SETTINGS, type SettingName } from "../../../src/config/settings.ts";
import { faultsOf, fileWith, folder, KEY, load, MINIMAL, OTHER_KEY, SECRET } from "./config-files.ts";

const CA_FILE = fileWith(rootCertificates[0] ?? "", "ca.pem");

const ENVIRONMENT = {
  PUBLIC_ORIGIN: "https://shop.example",
  OIDC_ISSUER: "https://id.example",
  OIDC_CLIENT_ID: "shop",
  OIDC_CLIENT_SECRET: SECRET,
  SECRET_KEYS: KEY,
};

function errorOf(text: string): ConfigError {
  try {
    load(text);
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  throw new Error("the file is valid");
}

const single = (more = "", env: Record<string, string> = {}): Config => {
  const [config] = load(MINIMAL + more, env).applications;
  if (config === undefined) throw new Error("no application");
  return config;
};
describe("a file and the environment", () => {
  it("the same settings give the same configuration", () => {
    expect(load(MINIMAL).hash).toBe(loadGatewayConfig(ENVIRONMENT).hash);
  });

  // Values that differ from the defaults, as the environment and as the file write them.
  it.each<[SettingName, string, string]>([
    ["INSECURE_COOKIES", "never", "never"],
    ["APP_ID", "shop-2", "shop-2"],
    ["HOST", "0.0.0.0", "0.0.0.0"],
    ["PORT", "8080", "8080"],
    ["PORT", "8081", '"8081"'],
    ["MANAGEMENT_HOST", "::1", '"::1"'],
    ["ACCOUNT_URL", "https://id.example/account", "https://id.example/account"],
    ["SILENT_LOGIN", "on", "on"],
    ["SILENT_LOGIN", "on", "true"],
    ["SILENT_LOGIN", "off", "false"],
    ["POST_LOGOUT_PATH", "/bye", "/bye"],
    ["REDIS_URL", "redis://redis:6379/1", "redis://redis:6379/1"],
    ["SECRET_KEYS", `${OTHER_KEY},${KEY}`, `[${OTHER_KEY}, ${KEY}]`],
    ["SECRET_KEYS", `${OTHER_KEY},${KEY}`, `"${OTHER_KEY}, ${KEY}"`],
    ["SESSION_IDLE_SECONDS", "600", "600"],
    ["SESSION_IDLE_SECONDS", "600", "'600'"],
    ["TRUSTED_PROXIES", "10.0.0.0/8,::1", '[10.0.0.0/8, "::1"]'],
    ["TRUSTED_PROXIES", "", "[]"],
    ["OIDC_SCOPE", "openid profile", "[openid, profile]"],
    ["OIDC_SCOPE", "openid profile", "openid profile"],
    ["OIDC_AUDIENCES", "a,b", "[a, b]"],
    ["OIDC_ROLES_CLAIM", "roles realm_access.roles", "roles realm_access.roles"],
    ["OIDC_ROLES_CLAIM", '[["resource_access","my.client","roles"]]', "[[resource_access, my.client, roles]]"],
    ["OIDC_LOGIN_PARAMETERS", "audience=https%3A%2F%2Fapi&x=1", '{ audience: "https://api", x: "1" }'],
    ["OIDC_LOGIN_PARAMETERS", "audience=https%3A%2F%2Fapi", "audience=https%3A%2F%2Fapi"],
    ["OIDC_LOGOUT_PARAMETERS", "logout_uri=%7Breturn_uri%7D", '{ logout_uri: "{return_uri}" }'],
    ["OIDC_PAR", "off", "off"],
    ["OIDC_TIMEOUT_SECONDS", "5", "5"],
    ["REFRESH_RATE_PER_SECOND", "0", "0"],
    ["HTTPS_PROXY", "http://proxy:3128", "http://proxy:3128"],
    ["NO_PROXY", "a.example,b.example", "[a.example, b.example]"],
    ["UPSTREAMS", "/api=http://orders:8000", "/api=http://orders:8000"],
    ["UPSTREAMS", "/api=http://orders:8000", "[{ prefix: /api, baseUrl: http://orders:8000, webSocket: true }]"],
    ["LOG_LEVEL", "debug", "debug"],
    ["CSP_ADDITIONS", "img-src https://a.example", "img-src https://a.example"],
    ["CSP_ADDITIONS", "img-src https://a.example", "{ img-src: https://a.example }"],
    [
      "CSP_ADDITIONS",
      "style-src 'unsafe-inline'; connect-src https://a.example wss://b.example",
      "{ style-src: ['unsafe-inline'], connect-src: [https://a.example, wss://b.example] }",
    ],
    ["CSP_ADDITIONS", "style-src 'unsafe-inline'", `{ style-src: "'unsafe-inline'" }`],
    ["CSP_ADDITIONS", "img-src https://a.example data:", '{ img-src: "https://a.example data:" }'],
    ["CSP_ADDITIONS", "img-src https://a.example data:", '{ img-src: [https://a.example, "data:"] }'],
    ["CSP_ADDITIONS", "upgrade-insecure-requests", "{ upgrade-insecure-requests: true }"],
    ["CSP_ADDITIONS", "", "{ upgrade-insecure-requests: false }"],
    ["CSP_ADDITIONS", "", "{}"],
    ["CSP_ALLOW", "plain-http unsafe-eval", "[plain-http, unsafe-eval]"],
    ["CSP_ALLOW", "plain-http unsafe-eval", '"plain-http, unsafe-eval"'],
    ["CSP_REPORT_ONLY", "on", "true"],
    ["CSP_REPORTS", "on", "true"],
    ["CSP_REPORTS", "off", "false"],
    ["CSP_REPORTS", "https://reports.example/csp", "https://reports.example/csp"],
    ["TRUSTED_TYPES", "react angular", "[react, angular]"],
    ["TRUSTED_TYPES", "react 'allow-duplicates'", `[react, "'allow-duplicates'"]`],
    ["TRUSTED_TYPES", "required", "[]"],
    ["TRUSTED_TYPES", "off", "off"],
    ["PERMISSIONS_POLICY", "camera=(self), usb=()", '"camera=(self), usb=()"'],
    [
      "PERMISSIONS_POLICY",
      'geolocation=(self "https://maps.example"), camera=()',
      "{ geolocation: [self, https://maps.example], camera: [] }",
    ],
    ["PERMISSIONS_POLICY", 'camera=("https://a.example")', "{ camera: https://a.example }"],
    ["PERMISSIONS_POLICY", "camera=(self), usb=()", '{ camera: "(self)", usb: "()" }'],
    ["PERMISSIONS_POLICY", "fullscreen=(*)", '{ fullscreen: "*" }'],
    ["STRICT_TRANSPORT_SECURITY", "off", "off"],
    ["STRICT_TRANSPORT_SECURITY", "max-age=600", "{ maxAgeSeconds: 600 }"],
    [
      "STRICT_TRANSPORT_SECURITY",
      "max-age=31536000; includeSubDomains; preload",
      "{ maxAgeSeconds: 31536000, includeSubDomains: true, preload: true }",
    ],
    ["STRICT_TRANSPORT_SECURITY", "max-age=600", "{ maxAgeSeconds: 600, includeSubDomains: false, preload: false }"],
  ])("%s=%s is written as %s", (name, text, written) => {
    const nested = SETTINGS[name].path.split(".").reduceRight((inner, key) => `{ ${key}: ${inner} }`, written);
    const base = Object.entries({ ...ENVIRONMENT, [name]: undefined })
      .filter(([, value]) => value !== undefined)
      .map(([each]) => each as SettingName);
    const tree = merge(base.map((each) => [SETTINGS[each].path, ENVIRONMENT[each as keyof typeof ENVIRONMENT]]));
    const file = `${nested.slice(2, -2)}\n`;
    expect(load(mergeText(tree, file)).hash).toBe(loadGatewayConfig({ ...ENVIRONMENT, [name]: text }).hash);
  });

  it("settings of the process in the environment take precedence over the file", () => {
    const config = single("listen: { port: 8080 }\nlog: { level: debug }\n", {
      PORT: "9090",
      SECRET_KEYS: OTHER_KEY,
      https_proxy: "http://proxy:3128",
    });
    expect(config.listen.port).toBe(9090);
    expect(config.logLevel).toBe("debug");
    expect(config.secretKeys).toEqual([Buffer.from(OTHER_KEY, "base64url")]);
    expect(config.provider.proxy.https).toBe("http://proxy:3128");
  });

  it("an invalid setting of the process is reported under its own name", () => {
    const faults = faultsOf(`${MINIMAL}listen: { port: 8080 }\n`, { PORT: "x" });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^PORT must be a port number/);
  });

  it("a setting of an application in the environment is rejected with its place in the file", () => {
    expect(faultsOf(MINIMAL, { OIDC_SCOPE: "openid", OIDC_CLIENT_SECRET_FILE: "/secret" })).toEqual([
      expect.stringMatching(/^OIDC_CLIENT_SECRET_FILE is set in the environment, but .* describes the applications/),
      expect.stringMatching(/^OIDC_SCOPE .*the file may contain provider\.scope: \$\{OIDC_SCOPE\}\.$/),
    ]);
  });

  it("a variable that the file references is not a setting of the environment", () => {
    const text = MINIMAL.replace(SECRET, "${OIDC_CLIENT_SECRET}").replace("https://id", "https://${OIDC_REALM_HOST}");
    const config = load(text, { OIDC_CLIENT_SECRET: SECRET, OIDC_REALM_HOST: "id" }).applications[0];
    expect(config?.provider).toMatchObject({ clientSecret: SECRET, issuer: "https://id.example" });
  });

  it("SPA_ROOT of the container image has no effect beside a file", () => {
    expect(single("", { SPA_ROOT: "/srv/spa" }).spaRoot).toBeUndefined();
  });

  it("a misspelt setting of the environment is still reported", () => {
    expect(faultsOf(MINIMAL, { MAX_CONECTIONS: "5" })[0]).toMatch(/^MAX_CONECTIONS is not a setting\. Did you mean/);
  });

  it("CLOAKROOM_CONFIG names the file", () => {
    expect(loadGatewayConfig({ CLOAKROOM_CONFIG: fileWith(MINIMAL) }).applications[0]?.publicOrigin).toBe(
      "https://shop.example",
    );
    expect(() => loadGatewayConfig({ CLOAKROOM_CONFIG: "/nowhere.yaml" })).toThrow(ConfigError);
  });
});

describe("the text of a file", () => {
  it.each<[string, string | Buffer]>([
    ["a byte order mark", `\uFEFF${MINIMAL}`],
    ["line ends of Windows", MINIMAL.replaceAll("\n", "\r\n")],
    ["no final line end", MINIMAL.trimEnd()],
    ["a document marker", `---\n${MINIMAL}...\n`],
    ["the directive of YAML 1.2", `%YAML 1.2\n---\n${MINIMAL}`],
    ["comments and blank groups", `# shop\n${MINIMAL}session:\n  # idleSeconds: 5\nlog: {}\n`],
    ["quotes", MINIMAL.replace("shop\n", '"shop"\n').replace(KEY, `'${KEY}'`)],
    ["an explicit tag of the core schema", MINIMAL.replace("clientId: shop", "clientId: !!str shop")],
    [
      "an anchor and its alias",
      MINIMAL.replace("clientId: shop", "clientId: &id shop").replace(/^/, "id: *x\n").replace("id: *x\n", ""),
    ],
    ["the schema of editors", `# yaml-language-server: $schema=./cloakroom.schema.json\n${MINIMAL}`],
    [
      "JSON",
      JSON.stringify({
        $schema: "./cloakroom.schema.json",
        origin: "https://shop.example",
        provider: { issuer: "https://id.example", clientId: "shop", clientSecret: SECRET },
        secretKeys: [KEY],
      }),
    ],
  ])("%s changes nothing", (_what, text) => {
    expect(load(text).hash).toBe(load(MINIMAL).hash);
  });

  it("the order of keys does not change the hash", () => {
    const reversed = `secretKeys: ${KEY}\nprovider:\n  clientSecret: ${SECRET}\n  clientId: shop\n  issuer: https://id.example\norigin: https://shop.example\n`;
    expect(load(reversed).hash).toBe(load(MINIMAL).hash);
  });

  const inner = (rest: string) => MINIMAL.replace("  clientId", `  ${rest}\n  clientId`);
  it.each<[string, string, string]>([
    [
      "directives",
      `${MINIMAL}contentSecurityPolicy: { additions: { img-src: [https://a.example], font-src: [https://b.example] } }\n`,
      `${MINIMAL}contentSecurityPolicy: { additions: { font-src: [https://b.example], img-src: [https://a.example] } }\n`,
    ],
    [
      "features",
      `${MINIMAL}headers: { permissionsPolicy: { camera: [self], usb: [] } }\n`,
      `${MINIMAL}headers: { permissionsPolicy: { usb: [], camera: [self] } }\n`,
    ],
    [
      "parameters of logins",
      inner('loginParameters: { audience: a, tenant: "b" }'),
      inner('loginParameters: { tenant: "b", audience: a }'),
    ],
    [
      "headers of a row",
      `${MINIMAL}upstreams: [{ prefix: /api, baseUrl: http://a, headers: { x-a: a, x-b: b } }]\n`,
      `${MINIMAL}upstreams: [{ baseUrl: http://a, headers: { x-b: b, x-a: a }, prefix: /api }]\n`,
    ],
    [
      "identity headers of a row",
      `${MINIMAL}upstreams: [{ prefix: /api, baseUrl: http://a, identityHeaders: { X-User: sub, X-Email: email } }]\n`,
      `${MINIMAL}upstreams: [{ prefix: /api, baseUrl: http://a, identityHeaders: { X-Email: email, X-User: sub } }]\n`,
    ],
    [
      "request headers of a row",
      `${MINIMAL}upstreams: [{ prefix: /api, baseUrl: http://a, requestHeaders: [x-a, x-b] }]\n`,
      `${MINIMAL}upstreams: [{ prefix: /api, baseUrl: http://a, requestHeaders: [x-b, x-a] }]\n`,
    ],
    [
      "trusted proxies",
      `${MINIMAL}trustedProxies: [10.0.0.0/8, 192.168.0.0/16]\n`,
      `${MINIMAL}trustedProxies: [192.168.0.0/16, 10.0.0.0/8]\n`,
    ],
  ])("the order of %s does not change the hash", (_what, one, other) => {
    expect(load(one).hash).toBe(load(other).hash);
    expect(load(one).hash).not.toBe(load(MINIMAL).hash);
  });

  it.each(["0123", "1e5", "0x1F", "12:30", "yes", "no", "null", "~", "1.0", "2026-01-01", "true"])(
    "a client id %s in quotes stays as it is",
    (id) => {
      expect(load(MINIMAL.replace("clientId: shop", `clientId: "${id}"`)).applications[0]?.provider.clientId).toBe(id);
    },
  );

  it.each(["yes", "no", "on", "12:30", "2026-01-01", "1_000"])("a plain client id %s stays as it is", (id) => {
    expect(load(MINIMAL.replace("clientId: shop", `clientId: ${id}`)).applications[0]?.provider.clientId).toBe(id);
  });
});

describe("references", () => {
  it.each<[string, Record<string, string>, string]>([
    ["${ID}", { ID: "shop" }, "shop"],
    ["a-${ID}-${ID}", { ID: "b" }, "a-b-b"],
    ['"${ID}"', { ID: "0123" }, "0123"],
    ["${ID:-default}", {}, "default"],
    ["${ID:-default}", { ID: "" }, "default"],
    ["${ID:-a:b c}", {}, "a:b c"],
    ["$${ID}", {}, "${ID}"],
    ["$${ID}-${ID}", { ID: "x" }, "${ID}-x"],
    ["$ID", { ID: "x" }, "$ID"],
    ["$$x", {}, "$$x"],
    ["${ID}", { ID: "${SECRET} file:/etc/passwd" }, "${SECRET} file:/etc/passwd"],
    ["${ID}", { ID: "file:/etc/passwd" }, "file:/etc/passwd"],
    ["${ID}", { ID: "x: [y]" }, "x: [y]"],
  ])("%s with %o is %s", (written, env, expected) => {
    const text = MINIMAL.replace("clientId: shop", () => `clientId: ${written}`);
    expect(load(text, env).applications[0]?.provider.clientId).toBe(expected);
  });

  it("numbers, lists and rows take referenced values", () => {
    const config = single(
      'session: { idleSeconds: "${IDLE}" }\ntrustedProxies: ["${NET}", 10.0.0.0/8]\nupstreams:\n  - prefix: /api\n    baseUrl: http://${HOST_NAME}:8000\n    maxQueued: ${QUEUED}\n    webSocket: ${WS}\n    headers: { x-tenant: "${IDLE}" }\n',
      { IDLE: "600", NET: "192.168.0.0/16", HOST_NAME: "orders", QUEUED: "7", WS: "true" },
    );
    expect(config.sessionIdleMs).toBe(600_000);
    expect(config.trustedProxies.check("192.168.3.4")).toBe(true);
    expect(config.upstreams[0]).toMatchObject({ baseUrls: ["http://orders:8000"], maxQueued: 7, webSocket: true });
    expect(config.upstreams[0]?.headers.get("x-tenant")).toBe("600");
  });

  it("an optional setting whose reference is empty is not set", () => {
    expect(single("id: ${ID:-}\n").application.isDerived).toBe(true);
  });

  it("a file of a secret is named to the parts that read it again", () => {
    const file = fileWith(`${SECRET}\n`, "client-secret.txt");
    for (const written of ["{ file: client-secret.txt }", `file:${file}`, "{ file: '${FOLDER}/client-secret.txt' }"]) {
      const { applications, files } = load(MINIMAL.replace(SECRET, written), { FOLDER: folder });
      expect(applications[0]?.provider).toMatchObject({ clientSecret: SECRET, clientAuth: { secretFile: file } });
      expect(files).not.toContain(file);
    }
  });

  it("the content of referenced files is part of the hash, and the files are watched", () => {
    const file = fileWith(`${KEY}\n`, "key.txt");
    const token = fileWith("tenant-1\n", "tenant.txt");
    const text = `${MINIMAL.replace(KEY, "[{ file: key.txt }]")}upstreams: [{ prefix: /api, baseUrl: http://a, headers: { x-tenant: { file: tenant.txt } } }]\n`;
    const before = load(text);
    expect(before.files.slice(1).toSorted()).toEqual([file, token].toSorted());
    fileWith("tenant-2\n", "tenant.txt");
    expect(load(text).hash).not.toBe(before.hash);
  });

  it("relative paths begin at the folder of the file", () => {
    const rows = fileWith('[{"prefix":"/api","baseUrl":"http://orders"}]', "rows.json");
    expect(single("upstreamsFile: rows.json\npages: { root: ./app }\n")).toMatchObject({
      upstreams: [{ prefix: "/api" }],
      spaRoot: `${folder}/app`,
    });
    expect(load(`${MINIMAL}upstreamsFile: rows.json\n`).files).toContain(rows);
  });

  it("files that a file of rows names are watched", () => {
    const token = fileWith("tenant-1\n", "row-tenant.txt");
    const missing = `${folder}/row-ca.pem`;
    const rows = (more: object) =>
      fileWith(
        JSON.stringify([
          { prefix: "/api", baseUrl: "https://orders", headers: { "x-tenant": { file: token } }, ...more },
        ]),
        "rows-with-files.json",
      );
    const text = `${MINIMAL}upstreamsFile: rows-with-files.json\n`;
    const file = rows({});
    const before = load(text);
    expect(before.files.slice(1)).toEqual([file, token]);
    fileWith("tenant-2\n", "row-tenant.txt");
    expect(load(text).hash).not.toBe(before.hash);
    // A certificate that cannot be read yet cures the fault when it is mounted.
    rows({ caFile: missing });
    expect(errorOf(text).files.slice(1)).toEqual([file, token, missing]);
  });

  it("the folder of the error pages and the files in it are watched", () => {
    mkdirSync(`${folder}/pages`, { recursive: true });
    const page = fileWith("<p>{{sentence}} {{requestId}}</p>", "pages/error.html");
    fileWith("not read", "pages/README.md");
    expect(errorOf(`${MINIMAL}errorPages: pages\n`).files.slice(1)).toEqual([`${folder}/pages`, page]);
  });

  it("files that are read again for each use are not watched", () => {
    const { files } = load(`${MINIMAL}redis: { url: "rediss://redis", caFile: ${CA_FILE} }\n`);
    expect(files).toHaveLength(1);
  });
});

describe("several applications", () => {
  const text = `secretKeys: ${KEY}
provider: { issuer: "https://id.example", clientSecret: ${SECRET}, scope: [openid] }
session: { idleSeconds: 600 }
upstreams: [{ prefix: /api, baseUrl: http://shared }]
pages: { root: /srv/app }
applications:
  - id: shop
    origin: https://shop.example
    provider: { clientId: shop }
  - id: admin
    origin: https://admin.example
    provider: { clientId: admin, scope: [openid, email] }
    session: { idleSeconds: 60 }
    upstreams: [{ prefix: /admin, baseUrl: http://admin }]
    pages: { root: null }
`;

  it("settings of the top level are defaults of all applications", () => {
    const { applications, server } = load(text);
    expect(
      applications.map(({ application, provider: { scope }, sessionIdleMs, spaRoot, upstreams }) => ({
        id: application.id,
        scope,
        sessionIdleMs,
        spaRoot,
        prefixes: upstreams.map(({ prefix }) => prefix),
      })),
    ).toEqual([
      { id: "shop", scope: "openid", sessionIdleMs: 600_000, spaRoot: "/srv/app", prefixes: ["/api"] },
      { id: "admin", scope: "openid email", sessionIdleMs: 60_000, spaRoot: undefined, prefixes: ["/admin"] },
    ]);
    expect(server.secretKeys).toHaveLength(1);
  });

  it("the order of the applications does not change the hash, their settings do", () => {
    const [head = "", shop = "", admin = ""] = text.split(/^(?= {2}- id)/m);
    expect(load(head + admin + shop).hash).toBe(load(text).hash);
    expect(load(text.replace("idleSeconds: 60 }", "idleSeconds: 61 }")).hash).not.toBe(load(text).hash);
  });

  it("rows of an application replace a file of rows of the top level", () => {
    const rows = text.replace("upstreams: [{ prefix: /api, baseUrl: http://shared }]", "upstreamsFile: rows.json");
    fileWith('[{"prefix":"/api","baseUrl":"http://shared"}]', "rows.json");
    expect(load(rows).applications.map(({ upstreams }) => upstreams[0]?.prefix)).toEqual(["/api", "/admin"]);
  });

  it("fifty applications are loaded with one issuer", () => {
    const many = Array.from({ length: 50 }, (_, index) => `  - { origin: "https://a${index}.example" }\n`).join("");
    const config = load(
      `secretKeys: ${KEY}\nprovider: { issuer: "https://id.example", clientId: one, clientSecret: ${SECRET} }\napplications:\n${many}`,
    );
    expect(new Set(config.applications.map(({ application }) => application.id)).size).toBe(50);
    expect(Object.isFrozen(config.applications[49]?.provider)).toBe(true);
  });
});

function merge(
  values: readonly (readonly [path: string, value: string])[],
): Record<string, Record<string, string> | string> {
  const tree: Record<string, Record<string, string> | string> = {};
  for (const [path, value] of values) {
    const [first = "", second] = path.split(".");
    if (second === undefined) tree[first] = value;
    else tree[first] = { ...(tree[first] as Record<string, string> | undefined), [second]: value };
  }
  return tree;
}

/** Adds one setting, written as YAML, to a tree of texts. */
function mergeText(tree: Record<string, Record<string, string> | string>, added: string): string {
  const [, group = "", inner = ""] = /^(\w+): ([\s\S]*)\n$/.exec(added) ?? [];
  const lines = Object.entries(tree).map(([key, value]) => {
    if (typeof value === "string") return key === group ? "" : `${key}: ${JSON.stringify(value)}\n`;
    const own = Object.entries(value).map(([name, each]) => `${name}: ${JSON.stringify(each)}`);
    if (key === group) own.push(inner.replace(/^\{ ([\s\S]*) \}$/, "$1"));
    return `${key}: { ${own.join(", ")} }\n`;
  });
  return lines.join("") + (group in tree ? (typeof tree[group] === "string" ? added : "") : added);
}
