// OIDC_LOGIN_PARAMETERS: accepted values, and the sentence for each rejected parameter.
import { describe, expect, it } from "vitest";
import { loginParameterList } from "../../src/config/login-parameter-list.ts";

const faultsOf = (text: string) => {
  const parsed = loginParameterList.safeParse(text);
  return parsed.success ? [] : parsed.error.issues.map(({ message }) => message);
};

describe("OIDC_LOGIN_PARAMETERS", () => {
  it.each([
    ["", {}],
    [
      "audience=https://api.example.com&access_type=offline&domain_hint=example.com",
      { audience: "https://api.example.com", access_type: "offline", domain_hint: "example.com" },
    ],
    ["audience=https%3A%2F%2Fapi.example.com%2Fa%26b", { audience: "https://api.example.com/a&b" }],
    ["hd=*&organization=org_1&p=B2C_1_signin", { hd: "*", organization: "org_1", p: "B2C_1_signin" }],
    ['claims={"id_token":{"groups":null}}', { claims: '{"id_token":{"groups":null}}' }],
    // Of the parameters of a link to /bff/login, as defaults.
    ["prompt=consent+select_account", { prompt: "consent select_account" }],
    ["acr_values=2&max_age=3600&ui_locales=de", { acr_values: "2", max_age: "3600", ui_locales: "de" }],
    ["kc_idp_hint=partner", { kc_idp_hint: "partner" }],
  ])("OIDC_LOGIN_PARAMETERS=%j is accepted", (text, parameters) => {
    expect(loginParameterList.parse(text)).toEqual(parameters);
  });

  it.each([
    ["client_id=x", "OIDC_CLIENT_ID"],
    ["scope=openid", "OIDC_SCOPE"],
    ["resource=https://api", "OIDC_RESOURCE"],
    ["request_uri=urn:x", "OIDC_PAR"],
    ["request=x", "OIDC_SIGNED_REQUEST"],
    ["response_mode=form_post", "OIDC_SIGNED_RESPONSE"],
    ["dpop_jkt=x", "OIDC_SENDER_CONSTRAINED"],
    ["redirect_uri=https://x", "PUBLIC_ORIGIN"],
    ["response_type=token", "always code"],
    ["state=x", "set by the gateway"],
    ["nonce=x", "set by the gateway"],
    ["code_challenge=x", "set by the gateway"],
    ["code_challenge_method=plain", "set by the gateway"],
    ["id_token_hint=x", "one user"],
    ["code_verifier=x", "whose URL the browser sees"],
    ["client_secret=x", "whose URL the browser sees"],
    ["client_assertion=x", "whose URL the browser sees"],
    ["client_assertion_type=x", "whose URL the browser sees"],
    ["prompt=none", "prompt=none"],
    ["prompt=create", "prompt=create"],
    ["prompt=evil", "invalid value for prompt"],
    ["max_age=-1", "invalid value for max_age"],
    ["ui_locales=d%0Ae", "invalid value for ui_locales"],
    ["x=a%00b", "invalid value for x"],
    ["x=1&x=2", "contains x twice"],
    ["audience", "form-encoded"],
    ["audience=", "form-encoded"],
    ["=x", "form-encoded"],
    ["a%20b=x", "form-encoded"],
    [`x=${"x".repeat(1_000)}`, "at most 1000 characters"],
  ])("OIDC_LOGIN_PARAMETERS=%j is rejected with one sentence that names the cause", (text, cause) => {
    expect(faultsOf(text)).toEqual([expect.stringContaining(cause)]);
  });

  it("each rejected parameter has a sentence of its own", () => {
    expect(faultsOf("scope=x&state=y&audience=z")).toHaveLength(2);
  });
});
