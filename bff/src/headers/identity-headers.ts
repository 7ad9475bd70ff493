// Identity headers: claims about the user as request headers of an upstream row (`identityHeaders`). Every configured header
// is always set, empty if the claim is absent, so that the absence of a header never stands for a user.
import { GatewayError } from "../errors.ts";
import { valueAt, type ClaimPath } from "../lib/claim-path.ts";
import { claimValue, type ClaimRules } from "./claim-value.ts";
import { comparableName } from "./header-names.ts";

export type IdentityHeader = ClaimRules &
  Readonly<{
    /** Lower-case name. */
    name: string;
    path: ClaimPath;
    /** Longer values are not sent, and not shortened. */
    maxBytes: number;
  }>;

export type Claims = Readonly<Record<string, unknown>>;

/**
 * @param claims the same object for the same user and claims: headers are computed once for each; undefined: an anonymous
 * request
 * @returns flat list of names and values
 * @throws GatewayError claim_not_forwardable
 */
export type IdentityHeadersOf = (claims: Claims | undefined) => readonly string[];

export function createIdentityHeaders(headers: readonly IdentityHeader[]): IdentityHeadersOf {
  const computed = new WeakMap<Claims, readonly string[]>();
  const anonymous = headers.flatMap(({ name }) => [name, ""]);
  return function identityHeadersOf(claims) {
    if (claims === undefined) return anonymous;
    const known = computed.get(claims);
    if (known !== undefined) return known;
    const list = headers.flatMap((header) => [header.name, valueOf(claims, header)]);
    computed.set(claims, list);
    return list;
  };
}

function valueOf(claims: Claims, header: IdentityHeader): string {
  const found = claimValue(valueAt(claims, header.path), header);
  const problem =
    "problem" in found
      ? found.problem
      : found.value.length > header.maxBytes
        ? `needs ${found.value.length} bytes, more than maxBytes (${header.maxBytes})`
        : undefined;
  if (problem === undefined && "value" in found) return found.value;
  throw new GatewayError("claim_not_forwardable", {
    reason: `identityHeaders.${header.name}: the claim ${problem ?? ""}`,
  });
}

/** @returns the spellings of these names, as `comparableName` compares them */
export function identityNames(rows: Iterable<{ identityHeaders: readonly IdentityHeader[] }>): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { identityHeaders } of rows) for (const { name } of identityHeaders) names.add(comparableName(name));
  return names;
}
