// OIDC_PROFILE: the values that a profile gives to unset settings, and the contradictions that prevent startup.
import { describe, expect, it } from "vitest";
import { ConfigError, loadConfig } from "../../src/config/config.ts";
import { testKeys } from "@cloakroom/testkit/stored-session.ts";
import { KEYS, tempFile } from "../provider/client-key-files.ts";

const BASE = {
  PUBLIC_ORIGIN: "https://app.example",
  OIDC_ISSUER: "https://id.example",
  OIDC_CLIENT_ID: "app",
  SECRET_KEYS: testKeys.map((key) => key.toString("base64url")).join(","),
  OIDC_CLIENT_KEY_FILE: tempFile(KEYS.ec),
  OIDC_PROFILE: "fapi2",
};

const load = (env: Record<string, string>) => loadConfig({ ...BASE, ...env }).provider;

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    load(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

describe("a profile gives values to settings that are not set", () => {
  it("fapi2 gives values to settings that are not set", () => {
    expect(load({})).toMatchObject({
      profile: "fapi2",
      par: "required",
      responseIss: "required",
      idTokenAlg: "PS256",
      clientAuth: { method: "private_key_jwt", alg: undefined },
      senderConstrained: "dpop",
      signedRequest: false,
      signedResponse: false,
    });
  });

  it("fapi2-message-signing gives values to settings that are not set", () => {
    expect(load({ OIDC_PROFILE: "fapi2-message-signing" })).toMatchObject({
      par: "required",
      senderConstrained: "dpop",
      signedRequest: true,
      signedResponse: true,
    });
  });

  it.each([
    ["OIDC_ID_TOKEN_ALG", "ES256", { idTokenAlg: "ES256" }],
    ["OIDC_ID_TOKEN_ALG", "EdDSA", { idTokenAlg: "EdDSA" }],
    ["OIDC_PAR", "required", { par: "required" }],
    ["OIDC_CLIENT_ALG", "ES256", { clientAuth: { alg: "ES256" } }],
  ])("a profile keeps the allowed value %s=%s", (name, value, expected) => {
    expect(load({ [name]: value })).toMatchObject(expected);
  });

  it("without a profile the defaults are unchanged", () => {
    const { OIDC_PROFILE: _profile, ...env } = BASE;
    expect(loadConfig({ ...env, OIDC_CLIENT_SECRET: "a-secret-of-16-chars" }).provider).toMatchObject({
      profile: undefined,
      par: "auto",
      idTokenAlg: "RS256",
      signedRequest: false,
    });
  });
});

describe("a setting that contradicts the profile prevents startup with one sentence", () => {
  it.each<[string, Record<string, string>]>([
    ["OIDC_PAR", { OIDC_PAR: "auto" }],
    ["OIDC_PAR", { OIDC_PAR: "off" }],
    ["OIDC_RESPONSE_ISS", { OIDC_RESPONSE_ISS: "optional" }],
    ["OIDC_RESPONSE_ISS", { OIDC_RESPONSE_ISS: "auto" }],
    ["OIDC_CLIENT_AUTH", { OIDC_CLIENT_AUTH: "client_secret_basic", OIDC_CLIENT_SECRET: "a-secret-of-16-chars" }],
    ["OIDC_CLIENT_AUTH", { OIDC_CLIENT_AUTH: "client_secret_post", OIDC_CLIENT_SECRET: "a-secret-of-16-chars" }],
    [
      "OIDC_CLIENT_AUTH",
      { OIDC_CLIENT_AUTH: "client_secret_jwt", OIDC_CLIENT_SECRET: "a-secret-of-at-least-32-characters" },
    ],
    ["OIDC_SENDER_CONSTRAINED", { OIDC_SENDER_CONSTRAINED: "off" }],
    ["OIDC_ID_TOKEN_ALG", { OIDC_ID_TOKEN_ALG: "RS256" }],
    ["OIDC_ID_TOKEN_ALG", { OIDC_ID_TOKEN_ALG: "PS384" }],
    ["OIDC_CLIENT_ALG", { OIDC_CLIENT_ALG: "RS256", OIDC_CLIENT_KEY_FILE: tempFile(KEYS.rsa) }],
    ["OIDC_CLIENT_KEY_FILE", { OIDC_CLIENT_KEY_FILE: tempFile(KEYS.p384) }],
    ["OIDC_CLIENT_KEY_FILE", { OIDC_CLIENT_KEY_FILE: tempFile(KEYS.jwkWithAlg) }],
    ["OIDC_ISSUER", { OIDC_ISSUER: "http://id.example", PUBLIC_ORIGIN: "http://localhost:3000" }],
    ["OIDC_INTERNAL_URL", { OIDC_INTERNAL_URL: "http://keycloak:8080" }],
    ["OIDC_SIGNED_REQUEST", { OIDC_PROFILE: "fapi2-message-signing", OIDC_SIGNED_REQUEST: "off" }],
    ["OIDC_SIGNED_RESPONSE", { OIDC_PROFILE: "fapi2-message-signing", OIDC_SIGNED_RESPONSE: "off" }],
  ])("a value that contradicts the profile prevents startup with one sentence: %s: %o", (name, env) => {
    const faults = faultsOf(env);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${name}\\b.*OIDC_PROFILE=fapi2`));
  });

  it("a loopback issuer over http is accepted", () => {
    expect(faultsOf({ OIDC_ISSUER: "http://127.0.0.1:4000", PUBLIC_ORIGIN: "http://localhost:3000" })).toEqual([]);
  });

  it("an unknown profile prevents startup with one sentence", () => {
    expect(faultsOf({ OIDC_PROFILE: "fapi1", OIDC_CLIENT_SECRET: "a-secret-of-16-chars" })).toEqual([
      expect.stringMatching(/^OIDC_PROFILE must be fapi2 or fapi2-message-signing/),
    ]);
  });

  it("private_key_jwt without a key prevents startup and names OIDC_CLIENT_KEY_FILE", () => {
    const { OIDC_CLIENT_KEY_FILE: _file, ...env } = BASE;
    const load2 = () => loadConfig(env);
    expect(load2).toThrow(/OIDC_CLIENT_KEY_FILE is required by OIDC_CLIENT_AUTH=private_key_jwt/);
  });
});
