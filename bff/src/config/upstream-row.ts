// Schema of an upstream row: keys with validation, default and description. The table of docs/reference/upstreams.md is
// generated from it.
import { z } from "zod";
import { BEARER_DESCRIPTION, BEARER_ROW } from "./bearer-row.ts";
import { IDENTITY_HEADERS } from "./identity-headers.ts";
import { atLeastOne, MAX_AUTHENTICATION_AGE, REQUIRED_ACR, REQUIRED_CLAIMS } from "./permission-rules.ts";
import { RATE_LIMIT } from "./rate-limit.ts";
import { isBelow } from "../lib/paths.ts";

const FORWARDED_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const prefix = z
  .string("is required: a path such as /api, or / for all pages")
  .regex(/^\/$|^(\/[a-z0-9_~-][a-z0-9._~-]*|\/\.well-known)(\/[a-z0-9_~-][a-z0-9._~-]*)*$/, {
    error: "must be a lower-case path such as /api, without a final slash, or /",
  })
  .refine((value) => !isBelow(value, "/bff"), "must not be /bff or below it: these paths are the gateway's own");

const address = z
  .url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" })
  .refine((value) => {
    if (!URL.canParse(value)) return true;
    const url = new URL(value);
    return url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  }, "must not carry a query, a fragment or credentials")
  .transform((value) => (URL.canParse(value) ? new URL(value).href.replace(/\/$/, "") : value));

/** Not a zod union: its errors would name neither the entry nor the rule. */
const addresses = z.preprocess(
  (value) => (Array.isArray(value) ? value : value === undefined ? [] : [value]),
  z.array(address).min(1, "is required: where requests go, e.g. http://orders:8000"),
);

/** Resolved by upstream-headers.ts. */
const headers = z.record(z.string(), z.union([z.string(), z.strictObject({ file: z.string().min(1) })]), {
  error: 'must map names to values, each a text or { "file": "path" }',
});

const headerNames = z
  .array(
    z
      .string("must be a header name")
      .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "must be a header name")
      .transform((name) => name.toLowerCase()),
    { error: "must be a list of header names" },
  )
  .transform((list): ReadonlySet<string> => new Set(list));

const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}, without quotes`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
const flag = z.boolean({ error: "must be true or false, without quotes" });
const milliseconds = whole(1, 3_600_000);
const DAY_MS = 86_400_000;
const positive = (max: number) => whole(1, max);
const count = (max: number) => whole(0, max);
const names = z.array(z.string("must be a string").min(1, "must not be empty"), { error: "must be a list" });
const path = z.string("must be the path of a file").min(1, "must be the path of a file");
const parameter = z.string().regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces");

export const UPSTREAM_ROW = z.strictObject({
  prefix: prefix.meta({
    description:
      "a path of the public origin, such as `/api` or `/graphql`; `/`: all paths that no other row and no route of `/bff` has (server-rendered pages). The longest matching prefix wins. The base URL replaces it",
  }),
  baseUrl: addresses.meta({
    description: "URL of the upstream. A list balances the requests over several servers of one service",
  }),
  methods: z
    .array(z.enum(FORWARDED_METHODS, { error: `must be one of ${FORWARDED_METHODS.join(", ")}` }), {
      error: "must be a list",
    })
    .min(1, "must name at least one method")
    .default([...FORWARDED_METHODS])
    .meta({ description: "allowed methods; others get 405" }),
  access: z
    .enum(["session", "optional", "public", "bearer", "session-or-bearer"], {
      error: "must be session, optional, public, bearer or session-or-bearer",
    })
    .optional()
    .meta({
      description:
        "who may send requests. `session` (default): users with a session; others get 401 · `optional`: everyone, with the user's token if there is a session · `public`: everyone; the session is not read, no token is sent and no CSRF check is made (webhooks, open APIs) · `bearer`: machine clients with their own access token, see `bearer`; no session is read and no CSRF check is made · `session-or-bearer`: with the header `Authorization` as `bearer`, without it as `session`",
    }),
  token: z.enum(["user", "optional", "none", "client"], { error: "must be user, none or client" }).optional().meta({
    description:
      "which access token is sent. `user` (default; `none` with `access: public`): the user's, or the one that the client brought · `client`: the gateway's own (client credentials) · `none`: no token. `none` without `access` means `access: public` with `csrf: header`; `optional` is the old spelling of `access: optional`",
  }),
  csrf: z
    .enum(["header", "fetch-metadata", "same-origin", "none"], {
      error: "must be header, fetch-metadata, same-origin or none",
    })
    .optional()
    .meta({
      description:
        "CSRF check. `header` (default): every request has `X-CSRF: 1` and is same-origin · `fetch-metadata`: as `header`, but GET, HEAD and OPTIONS only need `Sec-Fetch-Site: same-origin`, so that images, downloads and media of an API work in a page · `same-origin` (server-rendered pages): every method needs a same-origin `Sec-Fetch-Site` or `Origin`; navigations with GET always pass · `none` (default with `access: public` and `bearer`, not allowed with a session)",
    }),
  bearer: BEARER_ROW.optional().meta({ description: BEARER_DESCRIPTION }),
  encodedSlashes: flag.default(false).meta({
    description:
      "accept `%2F` in paths below the prefix, for APIs whose identifiers contain slashes. The upstream must not decode it before it checks permissions",
  }),
  audience: parameter.optional().meta({
    description:
      "audience of the token: by token exchange (RFC 8693) for the user's token, as request parameter for the gateway's own",
  }),
  resource: z
    .url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" })
    .refine((value) => !value.includes("#"), "must not carry a fragment (RFC 8707 §2)")
    .optional()
    .meta({ description: "like `audience`, for providers that use resource indicators (RFC 8707)" }),
  scope: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/, "must be scopes separated by single spaces")
    .optional()
    .meta({
      description:
        "scopes to request for that token; without `audience`: exchanges the user's token for a narrower one",
    }),
  refreshOn401: flag.default(true).meta({
    description:
      "renew the access token once when the upstream rejects it (401 with `invalid_token`), and repeat the request if it has no body and its method is GET, HEAD, OPTIONS, PUT or DELETE",
  }),
  requiredRoles: names
    .min(1, atLeastOne("role"))
    .default([])
    .meta({ description: "the user must have at least one of these roles; otherwise 403" }),
  requiredScopes: names
    .min(1, atLeastOne("scope"))
    .default([])
    .meta({ description: "all of these scopes must have been granted at login; otherwise 403" }),
  requiredClaims: REQUIRED_CLAIMS.default([]).meta({
    description:
      'rules about claims of the user, all of which must hold; otherwise 403: `[{ "claim": "tier", "values": ["gold", "silver"] }]`. The claim, or an element of it if it is a list, must equal one of the values ([guide](../guides/roles-and-claims.md#rules-about-claims-and-logins))',
  }),
  requiredAcr: REQUIRED_ACR.default([]).meta({
    description:
      "accepted values of the claim `acr` (strength of the login); otherwise 401 `step_up_required` with the URL of a login that asks for them (RFC 9470). On rows for pages, navigations go to that login",
  }),
  maxAuthenticationAgeSeconds: MAX_AUTHENTICATION_AGE.optional().meta({
    description:
      "maximum time since the user authenticated (`auth_time`), in seconds; otherwise 401 `step_up_required` as for `requiredAcr`. A session or token without `auth_time` counts as too old",
  }),
  headers: headers.default({}).meta({
    description:
      'headers added to every request, replacing the browser\'s; a value is a string or `{ "file": "path" }`',
  }),
  requestHeaders: headerNames.optional().meta({
    description:
      "allow-list of browser headers to forward in addition to the standard ones. Unset: all except headers that upstreams may interpret as an identity, an address, a URL or a method",
  }),
  identityHeaders: IDENTITY_HEADERS.default({}).meta({
    description:
      'claims about the user as headers: `{ "X-User-Email": "email", "X-Groups": { "claim": "groups", "separator": "," } }`. Always set, empty if the claim is absent; the browser\'s copies are removed on all rows ([guide](../guides/identity-headers.md))',
  }),
  rateLimit: RATE_LIMIT.optional().meta({
    description:
      'maximum number of requests in any time span of `seconds`: `{ "perUser": { "requests": 600, "seconds": 60 }, "perAddress": … }`, counted over all instances; beyond that 429',
  }),
  connectTimeoutMs: milliseconds.default(5_000).meta({ description: "time-out of connecting; 504" }),
  headersTimeoutMs: milliseconds.default(60_000).meta({ description: "time-out of the response headers; 504" }),
  bodyIdleTimeoutMs: count(3_600_000)
    .default(0)
    .meta({ description: "time-out between two chunks of a response body; 0: none, for event streams" }),
  maxBodyBytes: count(Number.MAX_SAFE_INTEGER)
    .default(1_073_741_824)
    .meta({ description: "maximum request body; beyond that 413" }),
  maxConnections: count(100_000)
    .default(0)
    .meta({ description: "maximum connections per server, with one request at a time on each; 0: no limit" }),
  maxQueued: count(100_000)
    .default(100)
    .meta({ description: "maximum requests waiting for a connection; beyond that 503 immediately" }),
  queueTimeoutMs: milliseconds.default(2_000).meta({ description: "maximum wait for a connection; 503" }),
  breakerFailures: count(1_000)
    .default(5)
    .meta({ description: "circuit breaker: opens after this many consecutive connection failures; 0: never" }),
  breakerOpenMs: milliseconds
    .default(5_000)
    .meta({ description: "interval of half-open probes: one request per interval passes, all others get 503" }),
  breakerStatuses: z
    .array(whole(500, 599), { error: "must be a list" })
    .default([])
    .meta({ description: "response statuses that count as failures, e.g. [502, 503]" }),
  caFile: path.optional().meta({ description: "PEM file with the trusted CAs; unset: the public CAs" }),
  certFile: path.optional().meta({ description: "PEM file with the client certificate (mTLS)" }),
  keyFile: path.optional().meta({ description: "PEM file with the private key of `certFile`, without a passphrase" }),
  serverName: z
    .string()
    .regex(/^[a-zA-Z0-9.-]+$/, "must be a host name")
    .optional()
    .meta({ description: "name expected in the upstream's certificate, if it differs from the host of `baseUrl`" }),
  webSocket: flag.default(false).meta({
    description: "forward WebSockets; always on in the short form `UPSTREAMS`",
  }),
  maxWebSockets: positive(1_000_000)
    .default(10_000)
    .meta({ description: "maximum open WebSockets per instance; beyond that 503" }),
  maxWebSocketsPerSession: positive(10_000)
    .default(20)
    .meta({ description: "maximum open WebSockets per session; beyond that 429" }),
  webSocketIdleTimeoutMs: count(DAY_MS)
    .default(600_000)
    .meta({ description: "closes a WebSocket after this time without any data, including pings; 0: never" }),
  webSocketMaxLifetimeMs: positive(DAY_MS)
    .default(DAY_MS)
    .meta({ description: "closes a WebSocket after this time; the end of its session closes it earlier" }),
});

export type UpstreamRow = z.output<typeof UPSTREAM_ROW>;
