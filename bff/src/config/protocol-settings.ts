// Settings for the validation of the provider's tokens and responses, and for the protection of requests to it (PAR, JAR, DPoP).
import { z } from "zod";
import { SECURITY_PROFILES } from "./security-profile.ts";
import type { Setting } from "./setting-shapes.ts";

export const PROTOCOL_SETTINGS = {
  OIDC_ID_TOKEN_ALG: {
    path: "provider.idTokenAlg",
    scope: "application",
    schema: z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"], {
      error: "must be one asymmetric algorithm: RS256, PS256, ES256, EdDSA or their longer forms",
    }),
    default: "RS256",
    meaning: "Accepted signature algorithm of ID tokens and logout tokens",
  },
  OIDC_RESPONSE_ISS: {
    path: "provider.responseIss",
    scope: "application",
    schema: z.enum(["auto", "required", "optional"], { error: "must be auto, required or optional" }),
    default: "auto",
    meaning:
      "Whether authorization responses must contain `iss` (RFC 9207); `auto`: if the discovery document says that the provider sends it. A present `iss` is always compared",
  },
  OIDC_PROFILE: {
    path: "provider.profile",
    scope: "application",
    schema: z.enum(SECURITY_PROFILES, { error: `must be ${SECURITY_PROFILES.join(" or ")}` }),
    meaning:
      "Security profile: `fapi2` (FAPI 2.0 Security Profile) or `fapi2-message-signing`. Gives the required values to settings that are not set, rejects others, and checks the provider's metadata",
  },
  OIDC_PAR: {
    path: "provider.par",
    scope: "application",
    schema: z.enum(["auto", "required", "off"], { error: "must be auto, required or off" }),
    default: "auto",
    meaning:
      "Pushed authorization requests (RFC 9126). `auto`: used where the provider advertises them, otherwise a plain request; `required`: logins fail without them; `off`: never used",
  },
  OIDC_SIGNED_REQUEST: {
    path: "provider.signedRequest",
    scope: "application",
    schema: z.enum(["on", "off"], { error: "must be on or off" }),
    default: "off",
    meaning:
      "Signed authorization requests (JAR, RFC 9101), with the first key of OIDC_CLIENT_KEY_FILE and the algorithm OIDC_CLIENT_ALG",
  },
  OIDC_SIGNED_RESPONSE: {
    path: "provider.signedResponse",
    scope: "application",
    schema: z.enum(["on", "off"], { error: "must be on or off" }),
    default: "off",
    meaning:
      "Signed authorization responses (JARM): requested with `response_mode=jwt`, verified with OIDC_ID_TOKEN_ALG; plain responses are rejected",
  },
  OIDC_LOGOUT_TOKEN_TYP: {
    path: "provider.logoutTokenTyp",
    scope: "application",
    schema: z.enum(["required", "optional"], { error: "must be required or optional" }),
    default: "required",
    meaning:
      "Whether logout tokens must have `typ: logout+jwt`; `optional` also accepts `JWT` and no `typ`, for providers that do not send `logout+jwt`",
  },
  OIDC_SENDER_CONSTRAINED: {
    path: "provider.senderConstrained",
    scope: "application",
    schema: z.enum(["off", "dpop", "mtls"], { error: "must be off, dpop or mtls" }),
    default: "off",
    meaning:
      "Binds access tokens to a private key of the gateway: `dpop` (RFC 9449) to a key per session, `mtls` (RFC 8705) to the certificate in OIDC_CLIENT_CERT_FILE; `off`: bearer tokens",
  },
} as const satisfies Record<string, Setting>;
