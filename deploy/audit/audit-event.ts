// One line of the gateway's or Keycloak's log → one security event, or nothing. An allow-list: whatever else stands in
// the line, a code, a redirect with its query, a token's id, stays there.
import { hash } from "node:crypto";

export type AuditEvent = {
  atMs: number;
  source: "gateway" | "keycloak";
  /** As its source names it, in its source's spelling. */
  event: string;
  /** The user's id at the provider. */
  subject?: string;
  username?: string;
  /** The gateway's public handle of its session. */
  session?: string;
  /** The same for both sources; see providerSessionName of the gateway. */
  providerSession?: string;
  address?: string;
  client?: string;
  /** Why, or what it was done to. */
  detail?: string;
};

/** A line that is longer was not written by either. */
const MAX_LINE_CHARS = 16_384;
const MAX_VALUE_CHARS = 200;

/** @param line as it was written, or behind a prefix such as that of `docker compose logs` */
export function parseLine(line: string): AuditEvent | undefined {
  if (line.length > MAX_LINE_CHARS) return undefined;
  return parseGatewayLine(line) ?? parseKeycloakLine(line);
}

function parseGatewayLine(line: string): AuditEvent | undefined {
  const from = line.indexOf('{"level":');
  if (from === -1 || !line.includes('"event":')) return undefined;
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line.slice(from)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { service, event, time } = fields;
  const atMs = typeof time === "string" ? Date.parse(time) : Number.NaN;
  if (service !== "cloakroom" || typeof event !== "string" || Number.isNaN(atMs)) return undefined;
  const reason = [fields["code"], fields["reason"]].filter((part) => typeof part === "string").join(" ");
  return withoutGaps({
    atMs,
    source: "gateway",
    event: plain(event),
    subject: plain(fields["subject"]),
    session: plain(fields["session"]),
    providerSession: plain(fields["providerSession"]),
    address: plain(fields["clientAddress"]),
    detail: plain(reason),
  });
}

/** With a zone as deploy/ configures it, or without one as Keycloak does by itself in a container, where it is UTC. */
const TIME = /(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)[.,](\d{3})(Z|[+-]\d\d:\d\d)?/;
const PAIR = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function parseKeycloakLine(line: string): AuditEvent | undefined {
  const from = line.indexOf("[org.keycloak.events]");
  const time = TIME.exec(line);
  if (from === -1 || time === null) return undefined;
  const [, day, clock, milliseconds, zone = "Z"] = time;
  const fields = Object.fromEntries([...line.slice(from).matchAll(PAIR)].map(([, name, value]) => [name, value]));
  const { type, operationType, resourceType, resourcePath, userId, username, sessionId, error } = fields;
  const event = type ?? (operationType === undefined ? undefined : `ADMIN_${operationType}`);
  if (event === undefined) return undefined;
  return withoutGaps({
    atMs: Date.parse(`${day}T${clock}.${milliseconds}${zone}`),
    source: "keycloak",
    event: plain(event),
    subject: known(userId),
    // Without a user id the name belongs to no user: it may be a password in the wrong field.
    username: known(userId) === undefined ? undefined : plain(username),
    providerSession: providerSessionOf(known(sessionId)),
    address: plain(fields["ipAddress"]),
    client: known(fields["clientId"]),
    detail: plain([error, resourceType, resourcePath].filter((part) => part !== undefined).join(" ")),
  });
}

/** Keycloak writes `null` for what it does not know, or leaves the field out. */
function known(value: string | undefined): string | undefined {
  return value === undefined || value === "" || value === "null" ? undefined : plain(value);
}

/** An event without a session has no name of a session: the hash of an empty text would join unrelated events. */
function providerSessionOf(sessionId: string | undefined): string | undefined {
  return sessionId === undefined ? undefined : nameOfSession(sessionId);
}

/** As the gateway's providerSessionName. */
export function nameOfSession(providerSid: string): string {
  return hash("sha256", providerSid, "base64url").slice(0, 12);
}

/** Logs hold what strangers sent: nothing of it may move the cursor of whoever reads. */
function plain(value: unknown): string {
  if (typeof value !== "string") return "";
  return value.replace(/[^\x20-\x7e\u00a0-\u024f]/g, "?").slice(0, MAX_VALUE_CHARS);
}

type Loose = { [K in keyof AuditEvent]: AuditEvent[K] | undefined };

function withoutGaps(event: Loose): AuditEvent {
  return Object.fromEntries(
    Object.entries(event).filter(([, value]) => value !== undefined && value !== ""),
  ) as AuditEvent;
}
