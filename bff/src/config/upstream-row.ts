// One row of the upstream table: every key with its rule, its default and its meaning. docs/reference/upstreams.md lists them
// from here.
import { z } from "zod";

export const FORWARDED_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const prefix = z
  .string("is required: /api or a path below it")
  .regex(/^\/[a-z0-9][a-z0-9_-]*(\/[a-z0-9][a-z0-9_-]*)*$/, {
    error: "must be a lower-case path such as /api, without a final slash",
  })
  .refine((value) => value === "/api" || value.startsWith("/api/"), "must be /api or below it");

const address = z
  .url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" })
  .refine((value) => {
    if (!URL.canParse(value)) return true;
    const url = new URL(value);
    return url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  }, "must not carry a query, a fragment or credentials")
  .transform((value) => (URL.canParse(value) ? new URL(value).href.replace(/\/$/, "") : value));

/** Not a union, whose faults would name neither the entry nor the rule. */
const addresses = z.preprocess(
  (value) => (Array.isArray(value) ? value : value === undefined ? [] : [value]),
  z.array(address).min(1, "is required: where requests go, e.g. http://orders:8000"),
);

/** What upstream-headers.ts turns into values. */
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
const names = z.array(z.string("must be a text").min(1, "must not be empty"), { error: "must be a list" });
const path = z.string("must be the path of a file").min(1, "must be the path of a file");
const parameter = z.string().regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces");

export const UPSTREAM_ROW = z.strictObject({
  prefix: prefix.meta({ description: "`/api` or a path below it; the longest one wins; the base URL takes its place" }),
  baseUrl: addresses.meta({
    description:
      "where requests go; nothing else is ever contacted. A list spreads them over several addresses of one service",
  }),
  methods: z
    .array(z.enum(FORWARDED_METHODS, { error: `must be one of ${FORWARDED_METHODS.join(", ")}` }), {
      error: "must be a list",
    })
    .min(1, "must name at least one method")
    .default([...FORWARDED_METHODS])
    .meta({ description: "anything else is 405" }),
  token: z
    .enum(["user", "optional", "none", "client"], { error: "must be user, optional, none or client" })
    .default("user")
    .meta({
      description:
        "`user`: the user's access token, 401 without a session · `optional`: the user's if there is one · `none`: none, no cookie is read · `client`: the gateway's own, by client credentials, for whoever is logged in",
    }),
  audience: parameter.optional().meta({
    description: "a token for this audience: by token exchange (RFC 8693), or in the request for the gateway's own",
  }),
  resource: z
    .url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" })
    .refine((value) => !value.includes("#"), "must not carry a fragment (RFC 8707 §2)")
    .optional()
    .meta({ description: "as `audience`, for providers that want a resource indicator (RFC 8707)" }),
  scope: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/, "must be scopes separated by single spaces")
    .optional()
    .meta({ description: "scopes to ask for with that token; alone: the user's token exchanged for a narrower one" }),
  requiredRoles: names.default([]).meta({ description: "one of them must be among the user's roles, or it is 403" }),
  requiredScopes: names.default([]).meta({ description: "all of them must be granted at login, or it is 403" }),
  headers: headers.default({}).meta({
    description:
      'sent with every request, in place of the browser\'s of that name; a value is a text or `{ "file": "path" }`',
  }),
  requestHeaders: headerNames.optional().meta({
    description:
      "the browser's headers that are forwarded beside the standard ones; unset: all except those that upstreams take for an identity, an address, a URL or a method",
  }),
  connectTimeoutMs: milliseconds.default(5_000).meta({ description: "504 after that" }),
  headersTimeoutMs: milliseconds.default(60_000).meta({ description: "504 when the answer has not begun by then" }),
  bodyIdleTimeoutMs: count(3_600_000)
    .default(0)
    .meta({ description: "longest silence inside a body; 0: none, for event streams" }),
  maxBodyBytes: count(Number.MAX_SAFE_INTEGER).default(1_073_741_824).meta({ description: "413 beyond that" }),
  maxConnections: count(100_000)
    .default(0)
    .meta({ description: "connections to each address, one request at a time on each; 0: as many as browsers bring" }),
  maxQueued: count(100_000)
    .default(100)
    .meta({ description: "requests that may wait for a connection; beyond that 503 at once" }),
  queueTimeoutMs: milliseconds.default(2_000).meta({ description: "longest wait for a connection, then 503" }),
  breakerFailures: count(1_000)
    .default(5)
    .meta({ description: "after so many failed connections in a row an address is left alone; 0: never" }),
  breakerOpenMs: milliseconds
    .default(5_000)
    .meta({ description: "for so long: then one request asks whether it is back, and all others get 503" }),
  breakerStatuses: z
    .array(whole(500, 599), { error: "must be a list" })
    .default([])
    .meta({ description: "answers that count as failures too, e.g. [502, 503]; none by itself does" }),
  caFile: path.optional().meta({ description: "certificates (PEM) of the CAs to trust instead of the public ones" }),
  certFile: path.optional().meta({ description: "our certificate (PEM), where the upstream asks for one" }),
  keyFile: path.optional().meta({ description: "its private key (PEM), without a passphrase" }),
  serverName: z
    .string()
    .regex(/^[a-zA-Z0-9.-]+$/, "must be a host name")
    .optional()
    .meta({ description: "name that the upstream's certificate must carry, where the address has another" }),
  webSocket: flag.default(false).meta({
    description: "whether WebSockets are forwarded. On in the short form `UPSTREAMS`",
  }),
  maxWebSockets: positive(1_000_000)
    .default(10_000)
    .meta({ description: "WebSockets open at once on one instance of the gateway; beyond that 503" }),
  maxWebSocketsPerSession: positive(10_000).default(20).meta({ description: "of these, for one session; then 429" }),
  webSocketIdleTimeoutMs: count(DAY_MS)
    .default(600_000)
    .meta({ description: "closed after so long without a byte either way, pings included; 0: never" }),
  webSocketMaxLifetimeMs: positive(DAY_MS)
    .default(DAY_MS)
    .meta({ description: "closed after so long in any case; the end of its session closes it sooner" }),
});

export type UpstreamRow = z.output<typeof UPSTREAM_ROW>;
