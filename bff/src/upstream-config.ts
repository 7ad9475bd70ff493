// The upstream table: UPSTREAMS or UPSTREAMS_FILE → rows whose every value is known to be usable.
import { readFileSync } from "node:fs";
import { z } from "zod";

/** Which bearer goes to an upstream: the user's, the user's if there is one, none, or the gateway's own. */
export type UpstreamToken = "user" | "optional" | "none" | "client";

export type UpstreamConfig = Readonly<{
  /** Path prefix on the public origin, e.g. `/api`; replaced by the base URL. */
  prefix: string;
  /** Scheme, host, port and base path without a final slash. */
  baseUrl: string;
  methods: readonly string[];
  token: UpstreamToken;
  /** Any one of these roles is enough; empty: no rule. */
  requiredRoles: readonly string[];
  /** All of these scopes are needed; empty: no rule. */
  requiredScopes: readonly string[];
  connectTimeoutMs: number;
  /** From the last byte of the request to the first of the answer's head. */
  headersTimeoutMs: number;
  /** Longest silence inside a body; 0: none, for event streams. */
  bodyIdleTimeoutMs: number;
  maxBodyBytes: number;
}>;

export const FORWARDED_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const prefix = z
  .string()
  .regex(/^\/[a-z0-9][a-z0-9_-]*(\/[a-z0-9][a-z0-9_-]*)*$/, {
    error: "must be a lower-case path such as /api, without a final slash",
  })
  .refine((value) => value === "/api" || value.startsWith("/api/"), "must be /api or below it");

const baseUrl = z
  .url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" })
  .refine((value) => {
    if (!URL.canParse(value)) return true;
    const url = new URL(value);
    return url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  }, "must not carry a query, a fragment or credentials")
  .transform((value) => (URL.canParse(value) ? new URL(value).href.replace(/\/$/, "") : value));

const milliseconds = z.int().min(1).max(3_600_000);

const row = z.strictObject({
  prefix,
  baseUrl,
  methods: z
    .array(z.enum(FORWARDED_METHODS))
    .min(1)
    .default([...FORWARDED_METHODS]),
  token: z.enum(["user", "optional", "none", "client"]).default("user"),
  requiredRoles: z.array(z.string().min(1)).default([]),
  requiredScopes: z.array(z.string().min(1)).default([]),
  connectTimeoutMs: milliseconds.default(5_000),
  headersTimeoutMs: milliseconds.default(60_000),
  bodyIdleTimeoutMs: z.int().min(0).max(3_600_000).default(0),
  maxBodyBytes: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(1_073_741_824),
});

/** @returns the rows, longest prefix first, and one sentence for each fault. */
export function parseUpstreams(
  list: string | undefined,
  file: string | undefined,
): { upstreams: UpstreamConfig[]; faults: string[] } {
  if (list !== undefined && file !== undefined)
    return { upstreams: [], faults: ["UPSTREAMS and UPSTREAMS_FILE are both set. Keep one."] };
  if (file !== undefined) return parseFile(file);
  const rows = (list ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return parseRows(
    rows.map((part) => {
      const at = part.indexOf("=");
      return { prefix: part.slice(0, Math.max(at, 0)), baseUrl: part.slice(at + 1) };
    }),
    "UPSTREAMS",
  );
}

function parseFile(file: string): { upstreams: UpstreamConfig[]; faults: string[] } {
  let rows: unknown;
  try {
    rows = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { upstreams: [], faults: ["UPSTREAMS_FILE must name a readable JSON file."] };
  }
  if (!Array.isArray(rows)) return { upstreams: [], faults: ["UPSTREAMS_FILE must hold a JSON list of upstreams."] };
  return parseRows(rows, "UPSTREAMS_FILE");
}

function parseRows(rows: readonly unknown[], setting: string): { upstreams: UpstreamConfig[]; faults: string[] } {
  const upstreams: UpstreamConfig[] = [];
  const faults: string[] = [];
  rows.forEach((candidate, index) => {
    const parsed = row.safeParse(candidate);
    if (parsed.success) upstreams.push(parsed.data);
    else
      for (const issue of parsed.error.issues)
        faults.push(`${setting} row ${index + 1}: ${issue.path.join(".") || "row"} ${issue.message}.`);
  });
  for (const { prefix: name, token, requiredRoles, requiredScopes } of upstreams)
    if ((token === "none" || token === "optional") && requiredRoles.length + requiredScopes.length > 0)
      faults.push(
        `${setting} row for ${name}: requiredRoles and requiredScopes need a session, so token must be user or client.`,
      );
  const seen = new Set<string>();
  for (const { prefix: name } of upstreams) {
    if (seen.has(name)) faults.push(`${setting} has two rows for ${name}. Keep one.`);
    seen.add(name);
  }
  return { upstreams: upstreams.toSorted((a, b) => b.prefix.length - a.prefix.length), faults };
}
