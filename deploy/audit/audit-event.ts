// Parses security events from log lines of the gateway and of Keycloak. Only allow-listed fields are read, so that
// authorization codes, redirect URIs and token ids in a line are dropped.
import { hash } from "node:crypto";

export type AuditEvent = {
  atMs: number;
  source: "gateway" | "keycloak";
  /** The source's event name, unchanged. */
  event: string;
  /** The user's id at the provider. */
  subject?: string;
  username?: string;
  /** The gateway's public session handle. */
  session?: string;
  /** Hash of the provider's session id; equal in both sources (the gateway's providerSessionName). */
  providerSession?: string;
  address?: string;
  client?: string;
  /** The reason, or the affected resource. */
  detail?: string;
};

/** Longer lines are ignored. */
const MAX_LINE_CHARS = 16_384;
const MAX_VALUE_CHARS = 200;

/** @param line a log line, optionally with a prefix such as that of `docker compose logs` */
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
  return withoutEmptyFields({
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

/** Time with a zone (the format of deploy/) or without one (Keycloak's default), which is read as UTC. */
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
  return withoutEmptyFields({
    atMs: Date.parse(`${day}T${clock}.${milliseconds}${zone}`),
    source: "keycloak",
    event: plain(event),
    subject: known(userId),
    // Without a user id the login failed for an unknown name, which may be a password in the wrong field.
    username: known(userId) === undefined ? undefined : plain(username),
    providerSession: providerSessionOf(known(sessionId)),
    address: plain(fields["ipAddress"]),
    client: known(fields["clientId"]),
    detail: plain([error, resourceType, resourcePath].filter((part) => part !== undefined).join(" ")),
  });
}

/** Keycloak writes `null` for unknown values or omits the field. */
function known(value: string | undefined): string | undefined {
  return value === undefined || value === "" || value === "null" ? undefined : plain(value);
}

/** Undefined without a session id: the hash of an empty string would join unrelated events. */
function providerSessionOf(sessionId: string | undefined): string | undefined {
  return sessionId === undefined ? undefined : nameOfSession(sessionId);
}

/** Equals the gateway's providerSessionName. */
export function nameOfSession(providerSid: string): string {
  return hash("sha256", providerSid, "base64url").slice(0, 12);
}

/** Replaces control characters: logs contain attacker-controlled text, which must not control the reader's terminal. */
function plain(value: unknown): string {
  if (typeof value !== "string") return "";
  return value.replace(/[^\x20-\x7e\u00a0-\u024f]/g, "?").slice(0, MAX_VALUE_CHARS);
}

type PartialEvent = { [K in keyof AuditEvent]: AuditEvent[K] | undefined };

function withoutEmptyFields(event: PartialEvent): AuditEvent {
  return Object.fromEntries(
    Object.entries(event).filter(([, value]) => value !== undefined && value !== ""),
  ) as AuditEvent;
}
