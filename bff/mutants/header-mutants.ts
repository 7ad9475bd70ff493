// Ways to break the rules about headers on purpose, and the test that must notice.
import type { Mutant } from "./mutants.ts";

const TO_UPSTREAM = ["test/proxy/request-headers.test.ts"];
const TO_BROWSER = ["test/proxy/headers.test.ts"];
const URLS = ["test/proxy/upstream-urls.test.ts"];
const BYTES = ["test/proxy/header-bytes.test.ts"];
const INTERIM = ["test/proxy/interim-responses.test.ts"];

export const HEADER_MUTANTS: readonly Mutant[] = [
  {
    breaks: "headers: CGI programs get their proxy from the browser (httpoxy)",
    file: "src/request-header-tables.ts",
    find: '    proxy: "CGI programs take it for their outgoing proxy, HTTP_PROXY (httpoxy, CVE-2016-5385)",\n',
    replace: "",
    tests: TO_UPSTREAM,
  },
  {
    breaks: "headers: a browser says in its own words who is asking",
    file: "src/request-header-tables.ts",
    find: '    "x-forwarded": "says who is asking, and how: built by the gateway",\n',
    replace: "",
    tests: TO_UPSTREAM,
  },
  {
    breaks: "headers: words inside a name are not looked at",
    file: "src/header-names.ts",
    find: " || word.test(name)",
    replace: "",
    tests: TO_UPSTREAM,
  },
  {
    breaks: "headers: names are refused in one spelling only",
    file: "src/request-header-rules.ts",
    find: "isPlainName(name) && (Object",
    replace: "(Object",
    tests: TO_UPSTREAM,
  },
  {
    breaks: "headers: a row opens what is the gateway's own in another spelling",
    file: "src/request-header-rules.ts",
    find: "isReservedName(normalizedName(lowerCaseName))",
    replace: "isReservedName(lowerCaseName)",
    tests: TO_UPSTREAM,
  },
  {
    breaks: "headers: a row's allow-list lets everything else through",
    file: "src/request-header-rules.ts",
    find: ": STANDARD.has(name);",
    replace: ": STANDARD.has(name) || !isRefusedName(name);",
    tests: TO_UPSTREAM,
  },
  {
    breaks: "headers: invented names fill the gateway's memory and log",
    file: "src/proxy/upstreams.ts",
    find: " || reported.size >= MAX_REPORTED_NAMES",
    replace: "",
    tests: TO_UPSTREAM,
  },
  {
    breaks: "I2: an upstream sets cookies on our origin",
    file: "src/proxy/response-header-rules.ts",
    find: '    "set-cookie": "an upstream could overwrite our cookies or plant its own on our origin",\n',
    replace: "",
    tests: TO_BROWSER,
  },
  {
    breaks: "an upstream lets other origins read its responses (CORS)",
    file: "src/proxy/response-header-rules.ts",
    find: '    "access-control-": "there is no cross-origin access (CORS)",\n',
    replace: "",
    tests: TO_BROWSER,
  },
  {
    breaks: "headers: an upstream makes nginx in front serve internal files",
    file: "src/proxy/headers.ts",
    find: "/^(yes|no)$/i.test(value)",
    replace: "value",
    tests: URLS,
  },
  {
    breaks: "headers: X-Accel-Buffering is lost",
    file: "src/proxy/headers.ts",
    find: 'list.push("x-accel-buffering", value);',
    replace: "return;",
    tests: URLS,
  },
  {
    breaks: "Location: a path that the upstream has prefixed is prefixed again",
    file: "src/proxy/upstream-urls.ts",
    find: "        [prefix, prefix],\n",
    replace: "",
    tests: URLS,
  },
  {
    breaks: "Location: a prefix before the base path stays doubled",
    file: "src/proxy/upstream-urls.ts",
    find: "        [prefix + basePath, prefix],\n",
    replace: "",
    tests: URLS,
  },
  {
    breaks: "Location: the upstream's own host is unknown in the scheme that it was told",
    file: "src/proxy/upstream-urls.ts",
    find: "const both = [`http://${host}`, `https://${host}`];",
    replace: "const both = [`${protocol}//${host}`];",
    tests: URLS,
  },
  {
    breaks: "Location: a redirect leads to a foreign host",
    file: "src/proxy/headers.ts",
    find: "const isInformation = status < 300 || status >= 400;",
    replace: "const isInformation = status > 0;",
    tests: URLS,
  },
  {
    breaks: "Location: an upstream steers the browser to the gateway's own routes",
    file: "src/proxy/upstream-urls.ts",
    find: "if (isOurs && rows.some(({ config }) => isBelow(url.pathname, config.prefix))) path ??=",
    replace: "if (isOurs) path ??=",
    tests: URLS,
  },
  {
    breaks: "Content-Location and Link show hosts behind the gateway",
    file: "src/proxy/upstream-urls.ts",
    find: "return isInner ?",
    replace: "return isInner && reference === '' ?",
    tests: URLS,
  },
  {
    breaks: "Link: a foreign host is contacted without being asked",
    file: "src/proxy/link-header.ts",
    find: '!FETCHED.test(rels.join(" "))',
    replace: "true",
    tests: URLS,
  },
  {
    breaks: "bytes above 0x7F are encoded a second time without Content-Length",
    file: "src/http/flush-head.ts",
    find: 'send.call(response, "", "latin1")',
    replace: "response.flushHeaders()",
    tests: BYTES,
  },
  {
    breaks: "bytes above 0x7F in a Location are encoded twice over",
    file: "src/proxy/upstream-urls.ts",
    find: "const written = escapedBytes(reference);",
    replace: "const written = reference;",
    tests: BYTES,
  },
  {
    breaks: "a 100 that no request asked for is a 502 after the request was carried out",
    file: "src/proxy/connection.ts",
    find: "    this.#interim.expect();\n",
    replace: "",
    tests: INTERIM,
  },
  {
    breaks: "a second 100 is taken for the final response",
    file: "src/proxy/interim-responses.ts",
    find: "    if (this.#lineEnds === 2) this.#offset = 0;\n",
    replace: "",
    tests: INTERIM,
  },
];
