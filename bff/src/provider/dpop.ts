// DPoP at the provider (RFC 9449 §4 to §8, §10): keys and proofs of token requests, and the binding of their tokens.
import { calculateJwkThumbprint, importJWK } from "jose";
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { newProofKey, proofKeyFrom, type ProofKey } from "../lib/proof-key.ts";
import type { DpopNonces } from "./dpop-nonces.ts";
import { misconfigured } from "./misconfigured.ts";

export const DPOP_ALG = "ES256";

export type Dpop = {
  /** Key of a login attempt. @returns undefined unless DPoP is switched on */
  keyOfLogin(secret: string | undefined): ProofKey | undefined;
  /** Key of a token request. @returns undefined unless DPoP is switched on; a new key if the tokens have none yet */
  keyOfTokens(current: ProofKey | undefined): ProofKey | undefined;
  /** The gateway's own key, for tokens that no user has. It exists in memory only, like those tokens. */
  ownKey(): ProofKey | undefined;
  /** @throws GatewayError login_failed if DPoP is switched on and the provider does not accept our algorithm */
  require(configuration: oidc.Configuration): void;
  /** `dpop_jkt`: binds the authorization code to the key (RFC 9449 §10). */
  authorizationParameters(key: ProofKey | undefined): Promise<Record<string, string>>;
  /** Options of openid-client, which repeats a request once with the nonce of a `use_dpop_nonce` response. */
  options(configuration: oidc.Configuration, key: ProofKey | undefined): Promise<{ DPoP?: oidc.DPoPHandle }>;
};

type Dependencies = { config: Pick<ProviderConfig, "senderConstrained">; nonces: DpopNonces };

export function createDpop({ config, nonces }: Dependencies): Dpop {
  const isOn = config.senderConstrained === "dpop";
  const pairs = new WeakMap<ProofKey, Promise<oidc.CryptoKeyPair>>();
  const pairOf = (key: ProofKey): Promise<oidc.CryptoKeyPair> => {
    const pair = pairs.get(key) ?? importPair(key);
    pairs.set(key, pair);
    return pair;
  };
  let own: ProofKey | undefined;
  return {
    keyOfLogin: (secret) => (isOn && secret !== undefined ? proofKeyFrom(Buffer.from(secret, "base64url")) : undefined),
    keyOfTokens: (current) => (isOn ? (current ?? newProofKey()) : undefined),
    ownKey: () => (isOn ? (own ??= newProofKey()) : undefined),
    require(configuration) {
      if (isOn) requireAlgorithm(configuration);
    },
    authorizationParameters: async (key) => (key === undefined ? {} : { dpop_jkt: await thumbprintOf(key) }),
    async options(configuration, key) {
      if (key === undefined) return {};
      // A handle knows only the nonces of its own requests; `nonces` has those of all sessions.
      const modifyAssertion: oidc.ModifyAssertionFunction = (_header, payload) => {
        payload["nonce"] ??= nonces.of(new URL(payload["htu"] as string).origin);
      };
      return {
        DPoP: oidc.getDPoPHandle(configuration, await pairOf(key), { [oidc.modifyAssertion]: modifyAssertion }),
      };
    },
  };
}

function requireAlgorithm(configuration: oidc.Configuration): void {
  const offered = configuration.serverMetadata().dpop_signing_alg_values_supported;
  // RFC 9449 §5.1: optional metadata. Without it, the `token_type` of the response shows whether the provider supports DPoP.
  if (!Array.isArray(offered) || offered.includes(DPOP_ALG)) return;
  throw misconfigured(
    `OIDC_SENDER_CONSTRAINED=dpop signs with ${DPOP_ALG}, which the provider's dpop_signing_alg_values_supported does not list. Switch it on there, or set OIDC_SENDER_CONSTRAINED=off`,
  );
}

async function importPair(key: ProofKey): Promise<oidc.CryptoKeyPair> {
  const privateKey = (await importJWK(key, DPOP_ALG)) as oidc.CryptoKey;
  const publicKey = (await importJWK(publicJwk(key), DPOP_ALG, { extractable: true })) as oidc.CryptoKey;
  return { privateKey, publicKey };
}

export function thumbprintOf(key: ProofKey): Promise<string> {
  return calculateJwkThumbprint(publicJwk(key));
}

export function publicJwk({ kty, crv, x, y }: ProofKey) {
  return { kty, crv, x, y };
}
