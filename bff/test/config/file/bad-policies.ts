// Invalid policies of the pages in a configuration file (`contentSecurityPolicy`, `headers`), for bad-files.test.ts.
import { MINIMAL, type Row } from "./config-files.ts";

const policy = (line: string) => `${MINIMAL}contentSecurityPolicy:\n  ${line}\n`;
const header = (line: string) => `${MINIMAL}headers:\n  ${line}\n`;

export const POLICIES: readonly Row[] = [
  [
    "a misspelt directive",
    policy("additions: { scripts-src: [https://a.example] }"),
    /^8: contentSecurityPolicy\.additions.*Did you mean script-src/,
  ],
  [
    "a directive that begins another one",
    policy('additions: { "img-src https://a.example; script-src": ["https://b.example"] }'),
    /^8: contentSecurityPolicy\.additions\.\(key\) is not a name that is known here/,
  ],
  [
    "a source that begins another directive",
    policy('additions: { img-src: ["https://a.example; script-src https://b.example"] }'),
    /^8: contentSecurityPolicy\.additions\.img-src\[0\] is several values/,
  ],
  [
    "a text that begins another directive",
    policy('additions: { img-src: "https://a.example; script-src https://b.example" }'),
    /^8: contentSecurityPolicy\.additions\.img-src is several values/,
  ],
  [
    "a source that is two",
    policy('additions:\n    img-src:\n      - https://a.example\n      - "https://b.example data:"'),
    /^11: contentSecurityPolicy\.additions\.img-src\[1\] is several values/,
  ],
  [
    "a directive without a source",
    policy("additions: { img-src: [] }"),
    /^8: contentSecurityPolicy\.additions\.img-src names no source/,
  ],
  [
    "a list of directives",
    policy("additions: [img-src]"),
    /^8: contentSecurityPolicy\.additions must be text, or a mapping/,
  ],
  [
    "a source that is a number",
    policy("additions: { img-src: [5] }"),
    /^8: contentSecurityPolicy\.additions\.img-src\[0\] must be text/,
  ],
  [
    "a dangerous source that is not allowed",
    policy("additions: { script-src: ['unsafe-eval'] }"),
    /^8: contentSecurityPolicy\.additions: script-src 'unsafe-eval' is dangerous.* add unsafe-eval to contentSecurityPolicy\.allow/,
  ],
  [
    "a keyword of another directive",
    policy("additions: { img-src: [unsafe-inline] }"),
    /^8: contentSecurityPolicy\.additions.* 'unsafe-inline' has no effect in img-src/,
  ],
  [
    "the keyword none",
    policy("additions: { img-src: ['none'] }"),
    /^8: contentSecurityPolicy\.additions.* 'none' has no effect/,
  ],
  [
    "a directive of another setting",
    policy("additions: { report-uri: /x }"),
    /^8: contentSecurityPolicy\.additions.* report-uri is set by contentSecurityPolicy\.reports/,
  ],
  [
    "a switch for a directive",
    policy("additions: { img-src: true }"),
    /^8: contentSecurityPolicy\.additions\.img-src must be text/,
  ],
  [
    "a misspelt risk",
    policy("allow: [unsafe-evil]"),
    /^8: contentSecurityPolicy\.allow has the unknown word "unsafe-evil"\. Did you mean unsafe-eval/,
  ],
  [
    "two risks in one entry",
    policy('allow: ["unsafe-eval plain-http"]'),
    /^8: contentSecurityPolicy\.allow\[0\] is several values/,
  ],
  ["a mapping of risks", policy("allow: { unsafe-eval: true }"), /^8: contentSecurityPolicy\.allow must be text/],
  [
    "off among policy names",
    policy("trustedTypes: [react, off]"),
    /^8: contentSecurityPolicy\.trustedTypes must be off alone/,
  ],
  [
    "report-only without reports",
    policy("reportOnly: true\n  reports: false"),
    /^8: contentSecurityPolicy\.reportOnly: on needs reports, but contentSecurityPolicy\.reports is off/,
  ],
  [
    "a misspelt feature",
    header("permissionsPolicy: { cammera: [self] }"),
    /^8: headers\.permissionsPolicy names the unknown feature cammera\. Did you mean camera/,
  ],
  [
    "a feature that begins another one",
    header('permissionsPolicy: { "camera=(), usb": "*" }'),
    /^8: headers\.permissionsPolicy\.\(key\) is not a name/,
  ],
  [
    "an origin that begins another feature",
    header('permissionsPolicy: { camera: ["self), usb=(*"] }'),
    /^8: headers\.permissionsPolicy\.camera\[0\] must be self, \* or one origin/,
  ],
  [
    "a text that begins another feature",
    header('permissionsPolicy: { camera: "(self), usb=(*)" }'),
    /^8: headers\.permissionsPolicy\.camera must be self, \* or one origin/,
  ],
  [
    "an origin over http",
    header("permissionsPolicy: { camera: [http://a.example] }"),
    /^8: headers\.permissionsPolicy allows camera for "http:\/\/a\.example"/,
  ],
  [
    "a switch for a feature",
    header("permissionsPolicy: { camera: false }"),
    /^8: headers\.permissionsPolicy\.camera must be text/,
  ],
  [
    "an unknown part of HSTS",
    header("strictTransportSecurity: { maxAge: 5 }"),
    /^8: headers\.strictTransportSecurity\.maxAge is not a name/,
  ],
  [
    "HSTS without an age",
    header("strictTransportSecurity: { includeSubDomains: true }"),
    /^8: headers\.strictTransportSecurity must be off, or max-age/,
  ],
  [
    "an age that is text",
    header("strictTransportSecurity: { maxAgeSeconds: 1 year }"),
    /^8: headers\.strictTransportSecurity\.maxAgeSeconds must be a whole number of seconds/,
  ],
  [
    "a text for a switch of HSTS",
    header('strictTransportSecurity: { maxAgeSeconds: 5, preload: "yes" }'),
    /^8: headers\.strictTransportSecurity\.preload must be true or false/,
  ],
];
