// The shape of a setting, and zod schemas of setting values: parsing and validation.
import { BlockList } from "node:net";
import { z } from "zod";
import { isLoopbackUrl } from "../lib/host.ts";
import { parseClaimPaths } from "../lib/claim-path.ts";
import { parseRedisUrl } from "./redis-address.ts";
import { shown } from "./setting-text.ts";

export type Setting = {
  /** Path in cloakroom.yaml, segments separated by dots. */
  path: string;
  /** `server`: one value per process; `application`: one per application. */
  scope: "server" | "application";
  schema: z.ZodType;
  /** Default as written in the environment. */
  default?: string;
  required?: true;
  /** Never printed; may also be set by NAME_FILE, the path of a file with the value. */
  secret?: true;
  /** The file of a secret is read again for each use: its change needs no reload of the configuration. */
  isReread?: true;
  /** One line, with unit and rule; shown in docs/reference/settings.md. */
  meaning: string;
};

/** How cloakroom.yaml writes a value. The reader converts it to the text that the environment would hold. */
export type FileForm =
  | { kind: "number"; min: number; max: number }
  | { kind: "list"; separator: "," | " " }
  /** Claims: text, or a list of lists of names. */
  | { kind: "claim-paths" }
  /** A mapping of names to texts, form-encoded. */
  | { kind: "parameters" }
  /** A mapping of CSP directives to sources, of features to origins, or of the parts of HSTS. */
  | { kind: "csp-directives" }
  | { kind: "permissions" }
  | { kind: "transport-security" }
  /** Path of a file or folder, relative to the folder of cloakroom.yaml. `isContent`: read with the configuration only. */
  | { kind: "path"; isContent?: true }
  /** Rows of UPSTREAM_ROW. */
  | { kind: "rows" };

/** Forms by schema; without one a value is text. */
export const fileForms = z.registry<FileForm>();

/** Whether `on` and `off` are values: YAML 1.1 tools write them as booleans. */
export function isSwitch(schema: z.core.$ZodType): boolean {
  if (schema instanceof z.ZodUnion) return schema.def.options.some(isSwitch);
  return schema instanceof z.ZodEnum && schema.options.includes("on") && schema.options.includes("off");
}

export const port = z
  .string()
  .regex(/^\d{1,5}$/, "must be a port number from 0 to 65535")
  .transform(Number)
  .refine((n) => n <= 65_535, "must be a port number from 0 to 65535")
  .register(fileForms, { kind: "number", min: 0, max: 65_535 });

export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be a whole number from ${min} to ${max}`)
    .register(fileForms, { kind: "number", min, max });

export const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" });

export const origin = httpUrl.refine(
  (value) => URL.canParse(value) && new URL(value).origin === value,
  "must be an origin in its canonical form: scheme, host and port, without a path or a final slash",
);

/** Not over http, which an attacker on the network can replace. */
export const spaUrl = httpUrl.refine((value) => {
  // The fault of `httpUrl`.
  if (!URL.canParse(value)) return true;
  const { protocol, username, password, hash } = new URL(value);
  return (protocol === "https:" || isLoopbackUrl(value)) && username === "" && password === "" && hash === "";
}, "must be an https URL without credentials and fragment (http on loopback only). For a server in your own network use a row with prefix / and access public");

export const issuer = httpUrl.refine(
  (value) => !/[?#]/.test(value) && !value.includes("/.well-known/"),
  "must be the issuer itself, without query, fragment or /.well-known/ (with it the issuer would not be checked)",
);

const masterKeyText = z.string().transform((value, ctx) => {
  const keys = value.split(",").map((part) => part.trim());
  const bytes = keys.map((key) => Buffer.from(key, "base64url"));
  keys.forEach((key, index) => {
    const raw = bytes[index];
    if (!/^[A-Za-z0-9_-]+$/.test(key) || raw === undefined || raw.length < 32)
      ctx.addIssue(`key ${index + 1} must be at least 32 random bytes in base64url`);
    else if (new Set(raw).size < 16) ctx.addIssue(`key ${index + 1} is not random`);
  });
  if (new Set(keys).size !== keys.length) ctx.addIssue("contains the same key twice");
  return bytes;
});
export const masterKeys = masterKeyText.register(fileForms, { kind: "list", separator: "," });

const cidrText = z.string().transform((value, ctx) => {
  const list = new BlockList();
  const entries = value.split(",").map((part) => part.trim());
  for (const entry of entries.filter((part) => part !== "")) {
    const [address = "", prefix, rest] = entry.split("/");
    const family = address.includes(":") ? "ipv6" : "ipv4";
    const bits = prefix === undefined ? (family === "ipv6" ? 128 : 32) : Number(prefix);
    try {
      if (rest !== undefined || prefix === "") throw new RangeError("not a CIDR range");
      list.addSubnet(address, bits, family);
    } catch {
      ctx.addIssue(`"${shown(entry)}" is not an address or CIDR range such as 10.0.0.0/8`);
    }
  }
  return list;
});
export const cidrList = cidrText.register(fileForms, { kind: "list", separator: "," });

export const text = z.string().min(1, "must not be empty");

export const filePath = z.string().min(1, "must not be empty").register(fileForms, { kind: "path" });

/** Validates the URL with redis-address.ts and keeps the text. */
export const redisUrl = z.string().transform((value, ctx) => {
  const parsed = parseRedisUrl(value);
  if (parsed.kind === "rejected") ctx.addIssue(parsed.rule);
  return value;
});

/** Words separated by blanks or commas. */
export const wordList = z
  .string()
  .transform((value) => value.split(/[\s,]+/).filter((word) => word !== ""))
  .refine((words) => words.length > 0, "must not be empty")
  .register(fileForms, { kind: "list", separator: "," });

export const claimPaths = z
  .string()
  .transform((value, ctx) => {
    const parsed = parseClaimPaths(value);
    if ("paths" in parsed) return parsed.paths;
    ctx.addIssue(parsed.fault);
    return [];
  })
  .register(fileForms, { kind: "claim-paths" });
