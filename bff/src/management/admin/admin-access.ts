// Who may call the admin API: a bearer token (RFC 6750 §2.1), from a program and not from a browser.
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { digestOf, parseAdminTokens, type AdminTokens } from "../../config/admin-token.ts";
import { readTextFile } from "../../config/setting-text.ts";
import { isThisMachine, parseHost } from "../../lib/host.ts";
import { keepLastValid, type FileValue } from "../../provider/file-value.ts";
import type { AdminErrorCode } from "./admin-errors.ts";

/** @returns the tokens; those of ADMIN_TOKEN_FILE are read again at each use, and the last valid ones stay in use */
export function createAdminTokens({ tokens, file }: AdminTokens): FileValue<AdminTokens["tokens"]> {
  if (file === undefined) return { current: () => tokens, fault: () => undefined };
  return keepLastValid(
    () => {
      const content = readTextFile(file);
      if ("fault" in content) return { fault: `ADMIN_TOKEN_FILE ${content.fault}` };
      const parsed = parseAdminTokens(content.text.trim());
      return "value" in parsed ? parsed : { fault: `ADMIN_TOKEN_FILE ${parsed.fault}` };
    },
    { value: tokens },
  );
}

/**
 * Compares with every token in constant time.
 * @returns the name of the token; undefined without a valid one
 */
export function nameOfToken(authorization: string | undefined, tokens: AdminTokens["tokens"]): string | undefined {
  const [, presented] = /^bearer +([\w+/=-]+)$/i.exec(authorization ?? "") ?? [];
  const digest = digestOf(presented ?? "");
  let found: string | undefined;
  for (const token of tokens) if (timingSafeEqual(token.digest, digest)) found = token.name;
  return presented === undefined ? undefined : found;
}

/** Headers that browsers add and no script can remove. Not Sec-Fetch-Mode: Node's fetch sends it too. */
const BROWSER_HEADERS = ["origin", "sec-fetch-site"] as const;

/** Names that no public DNS zone can hold, so that no page of the Web can resolve its own name to this listener. */
const PRIVATE_SUFFIXES = [".localhost", ".internal", ".svc", ".svc.cluster.local"] as const;

/**
 * Recognizes requests of browsers: the listener is on loopback, where every page can send requests to it, and with DNS
 * rebinding even read the responses.
 * @param managementHost the value of MANAGEMENT_HOST
 * @returns undefined for a request of a program
 */
export function rejectBrowsers({ headers }: IncomingMessage, managementHost: string): AdminErrorCode | undefined {
  if (BROWSER_HEADERS.some((name) => headers[name] !== undefined)) return "admin_browser_rejected";
  const host = parseHost(headers.host ?? "", 80)?.name;
  const isPrivate = host !== undefined && isPrivateName(host, managementHost.toLowerCase());
  return isPrivate ? undefined : "admin_host_rejected";
}

function isPrivateName(host: string, managementHost: string): boolean {
  const isAddress = host.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
  if (isAddress || isThisMachine(host) || host === managementHost) return true;
  return !host.includes(".") || PRIVATE_SUFFIXES.some((suffix) => host.endsWith(suffix));
}

/** Rejected requests beyond this many per minute are neither logged nor processed further. */
const REJECTIONS_PER_MINUTE = 10;

/**
 * Rate limit of rejected requests. A valid token is never locked out: guessing 256 bits is hopeless at any rate, but a limit
 * per address would let any local process keep the operator out.
 */
export function createRejectionLimit(nowMs: () => number = () => performance.now()) {
  let minute = { beganMs: -Infinity, rejections: 0 };
  /** @returns `first`: the first one over the limit in this minute */
  return function countRejection(): "within" | "first" | "beyond" {
    if (nowMs() - minute.beganMs >= 60_000) minute = { beganMs: nowMs(), rejections: 0 };
    minute.rejections += 1;
    if (minute.rejections <= REJECTIONS_PER_MINUTE) return "within";
    return minute.rejections === REJECTIONS_PER_MINUTE + 1 ? "first" : "beyond";
  };
}
