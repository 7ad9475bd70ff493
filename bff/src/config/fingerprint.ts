// Fingerprint of a configuration: equal texts mean equal values. Exposed as the configuration hash by /readyz and the
// metrics, so it is an HMAC: without the master keys, a client secret cannot be guessed offline from it.
import { createHmac } from "node:crypto";
import { BlockList } from "node:net";

/** 64 bits tell configurations apart; no decision on access depends on them. */
const HEX_CHARS = 16;

/** @param secretKeys the master keys, equal on all instances */
export function fingerprint(value: unknown, secretKeys: readonly Uint8Array[]): string {
  const key = createHmac("sha256", secretKeys[0] ?? "")
    .update("cloakroom configuration")
    .digest();
  return createHmac("sha256", key).update(canonicalText(value)).digest("hex").slice(0, HEX_CHARS);
}

/**
 * Injective for configuration values, and independent of the order of an object's keys and of the entries of maps, sets and
 * block lists; a key without a value equals an absent one.
 * @throws TypeError for a value whose content it cannot see, because such values would look equal
 */
export function canonicalText(value: unknown): string {
  if (value === undefined) return "undefined";
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return Number.isFinite(value) ? JSON.stringify(value) : `n(${value})`;
  if (typeof value !== "object") throw new TypeError(`a configuration contains no ${typeof value}`);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (value instanceof Map) return `map${inOrder([...value])}`;
  if (value instanceof Set) return `set${inOrder([...value])}`;
  if (value instanceof BlockList) return `blocklist${inOrder(value.rules)}`;
  if (value instanceof Uint8Array) return `bytes(${Buffer.from(value).toString("base64")})`;
  if (value instanceof RegExp) return `regexp(${JSON.stringify(String(value))})`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError(`a configuration contains no ${value.constructor.name}`);
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${members
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${JSON.stringify(key)}:${canonicalText(each)}`)
    .join(",")}}`;
}

function inOrder(values: readonly unknown[]): string {
  return `[${values.map(canonicalText).toSorted().join(",")}]`;
}
