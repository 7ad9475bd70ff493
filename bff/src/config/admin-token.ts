// ADMIN_TOKEN: the bearer tokens of the admin API. Only their hashes are kept.
import { hash } from "node:crypto";
import { z } from "zod";
import { cleanText, readValueFile } from "./setting-text.ts";
import type { Setting } from "./setting-shapes.ts";

export type AdminToken = Readonly<{
  /** Name in the audit log. */
  name: string;
  /** SHA-256 of the token's text. */
  digest: Uint8Array;
}>;

export type AdminTokens = Readonly<{
  tokens: readonly AdminToken[];
  /** Read again when it changes; undefined: ADMIN_TOKEN itself. */
  file: string | undefined;
}>;

type Parsed = { value: readonly AdminToken[] } | { fault: string };

const DEFAULT_NAME = "admin";
const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** Base64 or base64url: `token68` of RFC 9110 §11.2 without its other characters. */
const TOKEN = /^[\w+/-]+={0,2}$/;
const MIN_BYTES = 32;

/** @param text one or more tokens separated by commas, each with or without `name:` */
export function parseAdminTokens(text: string): Parsed {
  const tokens: AdminToken[] = [];
  for (const [at, entry] of text.split(",").entries()) {
    const colon = entry.indexOf(":");
    const name = colon === -1 ? DEFAULT_NAME : entry.slice(0, colon).trim();
    const token = entry.slice(colon + 1).trim();
    const bytes = Buffer.from(token, "base64");
    // The entry may be a secret: faults name its position.
    if (!NAME.test(name)) return { fault: `must name token ${at + 1} by at most 32 lowercase letters, digits and "-"` };
    if (!TOKEN.test(token) || bytes.length < MIN_BYTES)
      return { fault: `must hold at least 32 random bytes in base64 as token ${at + 1}: openssl rand -base64 32` };
    if (new Set(bytes).size < MIN_BYTES / 2) return { fault: `must hold a random token ${at + 1}` };
    tokens.push({ name, digest: digestOf(token) });
  }
  const digests = new Set(tokens.map(({ digest }) => Buffer.from(digest).toString("hex")));
  return digests.size === tokens.length ? { value: tokens } : { fault: "contains the same token twice" };
}

export function digestOf(token: string): Uint8Array {
  return hash("sha256", token, "buffer");
}

const adminTokens = z.string().transform((text, ctx): readonly AdminToken[] => {
  const parsed = parseAdminTokens(text);
  if ("value" in parsed) return parsed.value;
  ctx.addIssue(parsed.fault);
  return [];
});

export const ADMIN_SETTINGS = {
  ADMIN_TOKEN: {
    path: "management.adminToken",
    scope: "server",
    schema: adminTokens,
    secret: true,
    isReread: true,
    meaning:
      "Bearer token of the admin API on the management listener: at least 32 random bytes in base64 (`openssl rand -base64 32`). Several, separated by commas, may have names for the audit log (`alice:…,ci:…`). Unset: the admin API is off (404). ADMIN_TOKEN_FILE is read again when it changes",
  },
} as const satisfies Record<string, Setting>;

/**
 * The token of a client of the admin API, such as the command line: the first one of ADMIN_TOKEN or ADMIN_TOKEN_FILE.
 * @returns a fault with the setting and the cure
 */
export function readClientToken(
  env: Readonly<Record<string, string | undefined>> = process.env,
): { token: string } | { fault: string } {
  const { ADMIN_TOKEN: direct = "", ADMIN_TOKEN_FILE: file = "" } = env;
  if (direct === "" && file === "") return { fault: "ADMIN_TOKEN is not set. Set ADMIN_TOKEN or ADMIN_TOKEN_FILE." };
  if (direct !== "" && file !== "") return { fault: "ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set. Keep one." };
  const value = file === "" ? cleanText(direct) : readValueFile(file.trim());
  if ("fault" in value) return { fault: `ADMIN_TOKEN${file === "" ? "" : "_FILE"} ${value.fault}.` };
  const parsed = parseAdminTokens(value.text);
  if ("fault" in parsed) return { fault: `ADMIN_TOKEN ${parsed.fault}.` };
  const [first = ""] = value.text.split(",");
  return { token: first.slice(first.indexOf(":") + 1).trim() };
}
