// Invalid configuration files: one sentence per fault, with line, path and cure, and without values.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { POLICIES } from "./bad-policies.ts";
import { faultsOf, fileWith, folder, KEY, MINIMAL, SECRET, type Row } from "./config-files.ts";

const without = (line: string) => MINIMAL.replace(new RegExp(`^.*${line}.*\n`, "m"), "");
const row = (lines: string) =>
  `${MINIMAL}upstreams:\n  - prefix: /api\n    baseUrl: http://orders:8000\n    ${lines}\n`;
const two = (first: string, second: string) => `secretKeys: ${KEY}
provider: { issuer: "https://id.example", clientSecret: ${SECRET} }
applications:
  - ${first}
  - ${second}
`;
const shop = "{ id: shop, origin: https://shop.example, provider: { clientId: shop } }";
const wide = `a: &a [1,1,1,1,1,1,1,1,1,1]\n${Array.from({ length: 8 }, (_, level) => `${"bcdefghi"[level]}: &${"bcdefghi"[level]} [${Array(10).fill(`*${"abcdefgh"[level]}`).join(",")}]`).join("\n")}\n`;

mkdirSync(join(folder, "directory"), { recursive: true });
fileWith("", "empty.txt");
fileWith("two\nlines\n", "two-lines.txt");

const SYNTAX: readonly Row[] = [
  ["an empty file", "", /^1: is empty\. Write the settings into it/],
  ["a file of comments", "# nothing\n", /^1: is empty/],
  ["a list in place of a mapping", "- origin: x\n", /^1: must be a mapping of settings/],
  ["text in place of a mapping", "cloakroom\n", /^1: must be a mapping of settings/],
  ["a tab as indentation", "provider:\n\tissuer: x\n", /^2: has a tab in its indentation\. Use spaces\.$/],
  ["a missing quote", `${MINIMAL}postLogoutPath: "/\n`, /^\d+: lacks a closing quote or bracket/],
  ["an open bracket", `${MINIMAL}trustedProxies: [10.0.0.0/8\n`, /^\d+: (lacks a closing|is indented)/],
  ["a second colon", "origin: https://a: b\n", /^1: has a second colon in one line\. Put the value in quotes/],
  ["a reserved character", "id: @shop\n", /^1: has a value that begins with a reserved character/],
  ["two documents", `${MINIMAL}---\nworkers: 2\n`, /^7: begins a second document/],
  ["a second document after ...", `${MINIMAL}...\nworkers: 2\n`, /^\d+: begins a second document/],
  ["a directive of YAML 1.1", `%YAML 1.1\n---\n${MINIMAL}`, /^1: has a %YAML directive of another version/],
  ["a tag directive", `%TAG !e! tag:example,2000:\n---\n${MINIMAL}`, /^1: has a %TAG directive/],
  ["a JavaScript function", `${MINIMAL}log: !!js/function "() => 1"\n`, /^7: has a tag \(!\) that is not supported/],
  ["binary data", `${MINIMAL}id: !!binary c2hvcA==\n`, /^7: id has a tag/],
  ["a tag of another program", `${MINIMAL}id: !vault shop\n`, /^7: has a tag/],
  ["an unknown escape sequence", `${MINIMAL}id: "a\\qb"\n`, /^7: has an escape sequence/],
  [
    "a merge key",
    `${MINIMAL}session: &s { idleSeconds: 60 }\nlimits:\n  <<: *s\n`,
    /^9: limits has a merge key \(<<\)/,
  ],
  ["an alias without an anchor", `${MINIMAL}id: *shop\n`, /^7: id has an alias \(\*\) without an anchor/],
  [
    "an alias inside its own anchor",
    `${MINIMAL}session: &s\n  idleSeconds: *s\n`,
    /^8: session\.idleSeconds has an alias/,
  ],
  ["aliases that multiply (billion laughs)", wide, /^1: has more than 50000 values/],
  ["deep nesting", `id: ${"[".repeat(100_000)}`, /^1: is nested too deeply/],
  [
    "a key twice",
    `${MINIMAL}session: { idleSeconds: 60 }\nsession: {}\n`,
    /^8: has session twice, first in line 7\. Keep one/,
  ],
  [
    "an inner key twice",
    `${MINIMAL}session:\n  idleSeconds: 60\n  idleSeconds: 70\n`,
    /^9: session has idleSeconds twice/,
  ],
  ["a number as key", `${MINIMAL}1: x\n`, /^7: has a key that is not text/],
  ["a list as key", `${MINIMAL}? [a, b]\n: x\n`, /^7: has a key that is not text/],
  ["a reference without quotes in braces", `${MINIMAL}log: { level: \${LEVEL} }\n`, /^7: .*put \$\{NAME\} in quotes/],
];

const STRUCTURE: readonly Row[] = [
  ["an unknown key", `${MINIMAL}frobnicate: 1\n`, /^7: frobnicate is not known\. Known here are .*applications\.$/],
  ["a misspelt group", `${MINIMAL}sesion: {}\n`, /^7: sesion is not known\. Did you mean session\?$/],
  [
    "a misspelt key",
    MINIMAL.replace("clientId", "client_id"),
    /^4: provider\.client_id is not known\. Did you mean provider\.clientId\?$/,
  ],
  [
    "another case",
    `${MINIMAL}session:\n  idleseconds: 60\n`,
    /^8: session\.idleseconds .* Did you mean session\.idleSeconds\?$/,
  ],
  [
    "a key in the wrong place",
    `${MINIMAL}rolesClaim: r\n`,
    /^7: rolesClaim is not known here\. Did you mean provider\.rolesClaim\?$/,
  ],
  [
    "the name of a variable",
    `${MINIMAL}OIDC_SCOPE: openid\n`,
    /^7: OIDC_SCOPE is the name of an environment variable\. In this file it is provider\.scope\.$/,
  ],
  ["a misspelt list of applications", `${MINIMAL}aplications: []\n`, /^7: aplications .* Did you mean applications\?$/],
  ["text in place of a group", `${MINIMAL}session: 60\n`, /^7: session must be a mapping with idleSeconds, maxSeconds/],
  ["a list in place of a group", `${MINIMAL}log: [info]\n`, /^7: log must be a mapping with level/],
  ["no application in the list", `${MINIMAL}applications: []\n`, /^7: applications must be a list with at least one/],
  ["a mapping of applications", `${MINIMAL}applications:\n  shop: {}\n`, /^7: applications must be a list/],
  ["text in place of an application", `${MINIMAL}applications: [shop]\n`, /^7: applications\[0\] must be a mapping/],
  [
    "a setting of the process in an application",
    two(shop, "{ workers: 2 }"),
    /^5: applications\[1\]\.workers applies to the whole process\. Move it to the top level/,
  ],
  [
    "a group of the process in an application",
    two(shop, "{ redis: { url: x } }"),
    /^5: applications\[1\]\.redis applies to the whole process/,
  ],
  ["an unknown key of an application", two(shop, "{ foo: 1 }"), /^5: applications\[1\]\.foo is not known/],
  [
    "two applications on one host",
    two(shop, "{ id: b, origin: https://shop.example:8443, provider: { clientId: b } }"),
    /^5: applications\[1\]\.origin has the host name of applications\[0\]/,
  ],
  [
    "two applications with one id",
    two(shop, "{ id: shop, origin: https://b.example, provider: { clientId: b } }"),
    /^5: applications\[1\]\.id is that of applications\[0\]/,
  ],
];

const VALUES: readonly Row[] = [
  [
    "a client id that is a number",
    MINIMAL.replace("clientId: shop", "clientId: 123"),
    /^4: provider\.clientId must be text\. Put it in quotes\.$/,
  ],
  [
    "a client id with a leading zero",
    MINIMAL.replace("clientId: shop", "clientId: 0123"),
    /^4: provider\.clientId is a number in a notation/,
  ],
  [
    "a client id with an exponent",
    MINIMAL.replace("clientId: shop", "clientId: 1e5"),
    /^4: provider\.clientId is a number in a notation/,
  ],
  [
    "a client id that is a switch",
    MINIMAL.replace("clientId: shop", "clientId: true"),
    /^4: provider\.clientId must be text\. Put it in quotes/,
  ],
  [
    "a client id without a value",
    MINIMAL.replace("clientId: shop", "clientId:"),
    /^4: provider\.clientId has no value/,
  ],
  ["an empty client id", MINIMAL.replace("clientId: shop", 'clientId: ""'), /^4: provider\.clientId is empty/],
  [
    "a client id that is a list",
    MINIMAL.replace("clientId: shop", "clientId: [a]"),
    /^4: provider\.clientId must be text\.$/,
  ],
  [
    "null for a required setting",
    MINIMAL.replace("clientId: shop", "clientId: null"),
    /^4: provider\.clientId is required/,
  ],
  [
    "a number in octal",
    `${MINIMAL}session: { idleSeconds: 0o600 }\n`,
    /^7: session\.idleSeconds is a number in a notation/,
  ],
  [
    "a number with an exponent",
    `${MINIMAL}session: { idleSeconds: 1e3 }\n`,
    /^7: session\.idleSeconds is a number in a notation/,
  ],
  ["a hexadecimal number", `${MINIMAL}listen: { port: 0xBB8 }\n`, /^7: listen\.port is a number in a notation/],
  ["infinity", `${MINIMAL}limits: { connections: .inf }\n`, /^7: limits\.connections is a number in a notation/],
  [
    "a number with underscores",
    `${MINIMAL}limits: { connections: 20_000 }\n`,
    /^7: limits\.connections must be a whole number from 1 to/,
  ],
  ["a time", `${MINIMAL}session: { idleSeconds: 0:30:00 }\n`, /^7: session\.idleSeconds must be a whole number/],
  ["a fraction", `${MINIMAL}session: { idleSeconds: 60.5 }\n`, /^7: session\.idleSeconds must be a whole number/],
  ["a negative number", `${MINIMAL}workers: -1\n`, /^7: workers must be a whole number from 1 to 64/],
  ["a number out of range", `${MINIMAL}listen: { port: 70000 }\n`, /^7: listen\.port must be a port number/],
  ["a switch for a number", `${MINIMAL}workers: true\n`, /^7: workers must be text/],
  [
    "a value that is none of the choices",
    `${MINIMAL}log: { level: verbose }\n`,
    /^7: log\.level must be debug, info, warn, error or silent/,
  ],
  ["yes for a switch", `${MINIMAL}silentLogin: yes\n`, /^7: silentLogin must be off or on/],
  ["two lines in one value", `${MINIMAL}id: |\n  a\n  b\n`, /^7: id holds a line break/],
  ["an invalid id", `${MINIMAL}id: Shop!\n`, /^7: id /],
  [
    "an entry that is several values",
    `${MINIMAL}trustedProxies: ["10.0.0.0/8,192.168.0.0/16"]\n`,
    /^7: trustedProxies\[0\] is several values/,
  ],
  [
    "an invalid entry of a list",
    `${MINIMAL}trustedProxies: [banana]\n`,
    /^7: trustedProxies "banana" is not an address/,
  ],
  [
    "a number in a list of texts",
    MINIMAL + "trustedProxies: [10]\n",
    /^7: trustedProxies\[0\] must be text\. Put it in quotes/,
  ],
  [
    "scopes without openid",
    MINIMAL.replace("  clientId", "  scope: [profile, email]\n  clientId"),
    /^4: provider\.scope must contain "openid"/,
  ],
  [
    "a plain list of roles claims",
    MINIMAL.replace("  clientId", "  rolesClaim: [realm_access, roles]\n  clientId"),
    /^4: provider\.rolesClaim must be text .* or a list of lists/,
  ],
  [
    "a login parameter of the gateway",
    MINIMAL.replace("  clientId", "  loginParameters: { client_id: x }\n  clientId"),
    /^4: provider\.loginParameters must not contain client_id: it has a setting of its own\. Use provider\.clientId/,
  ],
  [
    "a login parameter that is a number",
    MINIMAL.replace("  clientId", "  loginParameters: { max_age: 5 }\n  clientId"),
    /^4: provider\.loginParameters\.max_age must be text\. Put it in quotes/,
  ],
  ["a short secret", MINIMAL.replace(SECRET, "short"), /^5: provider\.clientSecret must have at least 16 characters/],
  [
    "an idle limit beyond the absolute one",
    `${MINIMAL}session:\n  maxSeconds: 60\n  idleSeconds: 100\n`,
    /^9: session\.idleSeconds must not exceed session\.maxSeconds/,
  ],
  [
    "an idle limit of the top level beyond that of an application",
    `session: { idleSeconds: 900 }\n${two(shop, "{ id: b, origin: https://b.example, provider: { clientId: b }, session: { maxSeconds: 60 } }")}`,
    /^1: session\.idleSeconds must not exceed applications\[1\]\.session\.maxSeconds/,
  ],
  [
    "one port for both listeners",
    `${MINIMAL}listen: { port: 9000 }\n`,
    /^1: management\.port must differ from listen\.port/,
  ],
  ["workers without Redis", `${MINIMAL}workers: 2\n`, /^7: workers above 1 needs redis\.url/],
  [
    "a key without its certificate",
    `${MINIMAL}redis:\n  url: rediss://redis\n  keyFile: nowhere.pem\n`,
    /^9: redis\.keyFile needs both redis\.certFile and redis\.keyFile/,
  ],
  [
    "a profile that a setting contradicts",
    MINIMAL.replace("  clientId", "  profile: fapi2\n  par: off\n  clientId"),
    /^5: provider\.par: off contradicts provider\.profile: fapi2/,
  ],
  ["an http origin", MINIMAL.replace("https://shop", "http://shop"), /^1: origin must be https unless/],
  ["no key", without("secretKeys"), /^1: secretKeys is required\. Set secretKeys: .*randomBytes/],
  [
    "no client secret",
    without("clientSecret"),
    /^1: provider\.clientSecret is required\. Set provider\.clientSecret: /,
  ],
];

const REFERENCES: readonly Row[] = [
  [
    "a variable that is not set",
    MINIMAL.replace(SECRET, "${SHOP_SECRET}"),
    /^5: provider\.clientSecret references \$\{SHOP_SECRET\}, which is not set in the environment\. Set it/,
  ],
  [
    "a reference without an end",
    MINIMAL.replace(SECRET, "${SHOP_SECRET"),
    /^5: provider\.clientSecret has a \$\{ that begins no reference/,
  ],
  [
    "a reference with a shell operator",
    MINIMAL.replace(SECRET, "${SHOP_SECRET:?missing}"),
    /^5: provider\.clientSecret has a \$\{/,
  ],
  ["a nested reference", MINIMAL.replace(SECRET, "${A:-${B}}"), /^5: provider\.clientSecret has a \$\{/],
  [
    "a missing file",
    MINIMAL.replace(SECRET, "{ file: nowhere }"),
    /^5: provider\.clientSecret names a file that cannot be read \(ENOENT\)/,
  ],
  [
    "a missing file in the short form",
    MINIMAL.replace(SECRET, "file:nowhere"),
    /^5: provider\.clientSecret names a file that cannot be read/,
  ],
  [
    "a missing file for a value that is no secret",
    MINIMAL.replace("https://id.example", "file:nowhere"),
    /^3: provider\.issuer names a file that cannot be read/,
  ],
  [
    "an empty file of a secret",
    MINIMAL.replace(SECRET, "{ file: empty.txt }"),
    /^5: provider\.clientSecret names a file that is empty/,
  ],
  [
    "a file with two lines",
    MINIMAL.replace(SECRET, "{ file: two-lines.txt }"),
    /^5: provider\.clientSecret names a file with a line break/,
  ],
  [
    "a folder in place of a file",
    MINIMAL.replace(SECRET, "{ file: directory }"),
    /^5: provider\.clientSecret names a folder, not a file/,
  ],
  [
    "a file reference with further keys",
    MINIMAL.replace(SECRET, "{ file: a, mode: 600 }"),
    /^5: provider\.clientSecret must be text/,
  ],
  [
    "a missing upstreams file",
    `${MINIMAL}upstreamsFile: nowhere.json\n`,
    /^7: upstreamsFile names a file that cannot be read/,
  ],
  ["rows twice", `${MINIMAL}upstreams: []\nupstreamsFile: nowhere.json\n`, /^[78]: (upstreams|upstreamsFile) /],
];

const ROWS: readonly Row[] = [
  ["a row without an address", `${MINIMAL}upstreams:\n  - prefix: /api\n`, /^8: upstreams\[0\]\.baseUrl is required/],
  ["a row that is text", `${MINIMAL}upstreams: [/api]\n`, /^7: upstreams\[0\] /],
  ["a mapping of rows", `${MINIMAL}upstreams: { prefix: /api }\n`, /^7: upstreams must be a list of upstream rows/],
  [
    "a misspelt key of a row",
    row("metods: [GET]"),
    /^10: upstreams\[0\]\.metods is not known\. Did you mean methods\?/,
  ],
  ["an unknown method", row("methods: [GET, FETCH]"), /^10: upstreams\[0\]\.methods\[1\] must be one of GET/],
  ["yes for a flag of a row", row("webSocket: yes"), /^10: upstreams\[0\]\.webSocket must be true or false/],
  ["a number in quotes", row('maxQueued: "5"'), /^10: upstreams\[0\]\.maxQueued must be a whole number/],
  ["an octal number in a row", row("maxQueued: 010"), /^10: upstreams\[0\]\.maxQueued is a number in a notation/],
  ["a key of a row without a value", row("audience:"), /^10: upstreams\[0\]\.audience has no value/],
  [
    "a reserved header",
    row("headers: { Authorization: x }"),
    /^10: upstreams\[0\]\.headers\.Authorization may not be set here/,
  ],
  [
    "a header from a missing file",
    row("headers: { x-key: { file: nowhere } }"),
    /^10: upstreams\[0\]\.headers\.x-key names a file that cannot be read/,
  ],
  [
    "a certificate that is missing",
    row("caFile: nowhere.pem"),
    /^10: upstreams\[0\]\.caFile names a file that cannot be read/,
  ],
  [
    "a variable of a row that is not set",
    row("audience: ${AUDIENCE}"),
    /^10: upstreams\[0\]\.audience references \$\{AUDIENCE\}/,
  ],
  [
    "a prefix twice",
    row("csrf: header\n  - prefix: /api\n    baseUrl: http://b"),
    /^11: upstreams\[1\]\.prefix is also that of row 1/,
  ],
  [
    "a row of an application",
    two(
      `${shop.slice(0, -1)}, upstreams: [{ prefix: /bff, baseUrl: "http://a" }] }`,
      "{ id: b, origin: https://b.example, provider: { clientId: b } }",
    ),
    /^4: applications\[0\]\.upstreams\[0\]\.prefix must not be \/bff/,
  ],
];

describe.each([
  ["syntax", SYNTAX],
  ["structure", STRUCTURE],
  ["values", VALUES],
  ["references", REFERENCES],
  ["rows", ROWS],
  ["policies", POLICIES],
])("a configuration file with an invalid %s", (_group, rows) => {
  it.each(rows)("%s is one sentence with its line", (_what, text, expected) => {
    const faults = faultsOf(text);
    expect(faults.filter((fault) => expected.test(fault))).toHaveLength(1);
    expect(faults.join("\n")).not.toContain(SECRET);
    expect(faults.join("\n")).not.toContain(KEY);
  });
});

describe("several faults", () => {
  it("all faults of a file are reported at once, in the order of the file", () => {
    const faults = faultsOf(`${MINIMAL.replace("clientId: shop", "clientId: 5")}wrkers: 2
session: { idleSeconds: 0o17 }
upstreams:
  - prefix: /api
    baseUrl: orders
    token: admin
`);
    expect(faults.map((fault) => fault.split(" ", 2).join(" "))).toEqual([
      "4: provider.clientId",
      "7: wrkers",
      "8: session.idleSeconds",
      "11: upstreams[0].baseUrl",
      "12: upstreams[0].token",
    ]);
  });

  it("a fault of a default is reported once for all applications", () => {
    const other = "{ id: b, origin: https://b.example, provider: { clientId: b } }";
    const faults = faultsOf(`session: { idleSeconds: 5 }\n${two(shop, other)}`);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^1: session\.idleSeconds must be a whole number/);
  });

  it("a value that cannot be read is not reported as missing as well", () => {
    expect(faultsOf(MINIMAL.replace("clientId: shop", "clientId: [shop]"))).toHaveLength(1);
  });
});

describe("a file that cannot be read", () => {
  it.each<[string, string | Buffer, RegExp]>([
    [
      "more than 1 MB",
      `# ${"x".repeat(1024 * 1024)}\n${MINIMAL}`,
      /--config \(CLOAKROOM_CONFIG\) names a file larger than 1 MB/,
    ],
    ["more than 4 MB", `# ${"x".repeat(5 * 1024 * 1024)}\n${MINIMAL}`, /names a file larger than 4 MB/],
    ["text that is not UTF-8", Buffer.from([0x69, 0x64, 0x3a, 0xff, 0xfe]), /names a file that is not UTF-8/],
  ])("%s is rejected", (_what, text, expected) => {
    expect(faultsOf(text).join("\n")).toMatch(expected);
  });
});
