// OIDC_PROFILE: the FAPI 2.0 Security Profile (Final, §5.3.3 and §5.4) and FAPI 2.0 Message Signing (§5.3 and §5.4). A
// profile gives the required values to settings that are not set, and rejects values that contradict it.
import { isLoopbackUrl } from "../lib/host.ts";
import { readClientKeys } from "./client-auth-settings.ts";
import { algsOf } from "./client-keys.ts";

export const SECURITY_PROFILES = ["fapi2", "fapi2-message-signing"] as const;
export type SecurityProfile = (typeof SECURITY_PROFILES)[number];

type Rule = {
  /** The first one is the value of a setting that is not set, unless `isOptional`. */
  allowed: readonly string[];
  isOptional?: true;
  /** Section of the specification, and what it demands. */
  why: string;
};

/** FAPI 2.0 Security Profile §5.4.1. */
export const FAPI_ALGS = ["PS256", "ES256", "EdDSA"] as const;

/** RFC 9864 names EdDSA with this curve Ed25519. */
export const FAPI_CLIENT_ALGS = [...FAPI_ALGS, "Ed25519"] as const;

const SECURITY_RULES: Readonly<Record<string, Rule>> = {
  OIDC_PAR: { allowed: ["required"], why: "§5.3.3.2 demands pushed authorization requests" },
  OIDC_RESPONSE_ISS: { allowed: ["required"], why: "§5.3.3.2 demands iss in authorization responses" },
  OIDC_CLIENT_AUTH: {
    allowed: ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"],
    why: "§5.3.3.1 demands private_key_jwt or mutual TLS",
  },
  OIDC_SENDER_CONSTRAINED: { allowed: ["dpop", "mtls"], why: "§5.3.3.1 demands sender-constrained access tokens" },
  OIDC_ID_TOKEN_ALG: { allowed: FAPI_ALGS, why: "§5.4.1 allows PS256, ES256 and EdDSA" },
  OIDC_CLIENT_ALG: {
    allowed: FAPI_CLIENT_ALGS,
    isOptional: true,
    why: "§5.4.1 allows PS256, ES256 and EdDSA",
  },
};

const MESSAGE_SIGNING_RULES: Readonly<Record<string, Rule>> = {
  ...SECURITY_RULES,
  OIDC_SIGNED_REQUEST: { allowed: ["on"], why: "Message Signing §5.3 demands signed authorization requests" },
  OIDC_SIGNED_RESPONSE: { allowed: ["on"], why: "Message Signing §5.4 demands signed authorization responses" },
};

const RULES: Readonly<Record<SecurityProfile, Readonly<Record<string, Rule>>>> = {
  fapi2: SECURITY_RULES,
  "fapi2-message-signing": MESSAGE_SIGNING_RULES,
};

type ProfileValues = {
  [
    N in "OIDC_ISSUER" | "OIDC_INTERNAL_URL" | "OIDC_CLIENT_KEY_FILE" | "OIDC_CLIENT_AUTH" | "OIDC_SIGNED_REQUEST"
  ]?: string;
} & { OIDC_PROFILE?: SecurityProfile };

/**
 * @param isSet true for invalid values too, so that their own error is the only one reported
 * @returns the values with those of the profile, and one sentence per contradiction
 */
export function applySecurityProfile<Values extends ProfileValues>(
  values: Values,
  isSet: (name: string) => boolean,
): { values: Values; faults: string[] } {
  const profile = values.OIDC_PROFILE;
  if (profile === undefined) return { values, faults: [] };
  const applied: Record<string, unknown> = { ...values };
  const faults: string[] = [];
  for (const [name, { allowed, isOptional, why }] of Object.entries(RULES[profile])) {
    const value = applied[name];
    if (!isSet(name)) {
      if (isOptional !== true) applied[name] = allowed[0];
    } else if (typeof value === "string" && !allowed.includes(value))
      faults.push(
        `${name}=${value} contradicts OIDC_PROFILE=${profile}: FAPI 2.0 ${why}. Set ${allowed.join(" or ")}, or unset it.`,
      );
  }
  const all = applied as Values;
  return { values: all, faults: [...faults, ...transportErrors(all, profile), ...keyErrors(all, profile)] };
}

/** The first key of the file signs assertions and requests. */
function keyErrors(values: ProfileValues, profile: SecurityProfile): string[] {
  const file = values.OIDC_CLIENT_KEY_FILE;
  const signs = values.OIDC_CLIENT_AUTH === "private_key_jwt" || values.OIDC_SIGNED_REQUEST === "on";
  const keys = file === undefined || !signs ? undefined : readClientKeys(file);
  // A file that cannot be read has a sentence of its own.
  if (keys === undefined || "fault" in keys || keys.value[0] === undefined) return [];
  const [{ alg, privateKey }] = keys.value as [(typeof keys.value)[0]];
  const fitting = alg === undefined ? algsOf(privateKey) : [alg];
  if (fitting.some((each) => FAPI_CLIENT_ALGS.some((allowed) => allowed === each))) return [];
  return [
    `OIDC_CLIENT_KEY_FILE begins with a key for ${fitting.join(", ")}, which contradicts OIDC_PROFILE=${profile}: FAPI 2.0 §5.4.1 allows PS256, ES256 and EdDSA. Use another key.`,
  ];
}

function transportErrors(values: ProfileValues, profile: SecurityProfile): string[] {
  return (["OIDC_ISSUER", "OIDC_INTERNAL_URL"] as const).flatMap((name) => {
    const url = values[name];
    if (url === undefined || !url.startsWith("http:") || isLoopbackUrl(url)) return [];
    return [`${name} must be https with OIDC_PROFILE=${profile}: FAPI 2.0 §5.2.1 demands TLS. Correct it.`];
  });
}
