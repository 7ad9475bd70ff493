// OIDC_LOGOUT_PARAMETERS: accepted and rejected values.
import { describe, expect, it } from "vitest";
import { logoutParameterList } from "../../src/config/logout-parameter-list.ts";

const faultsOf = (text: string) => {
  const parsed = logoutParameterList.safeParse(text);
  return parsed.success ? [] : parsed.error.issues.map(({ message }) => message);
};

describe("OIDC_LOGOUT_PARAMETERS", () => {
  it.each([
    ["", {}],
    ["logout_uri={return_uri}", { logout_uri: "{return_uri}" }],
    ["logout_uri=%7Breturn_uri%7D", { logout_uri: "{return_uri}" }],
    ["returnTo={return_uri}&federated=1", { returnTo: "{return_uri}", federated: "1" }],
    ["logout_hint=alice@example.com", { logout_hint: "alice@example.com" }],
  ])("OIDC_LOGOUT_PARAMETERS=%j is accepted", (text, parameters) => {
    expect(logoutParameterList.parse(text)).toEqual(parameters);
  });

  it.each([
    ["client_id=x", "set by the gateway"],
    ["id_token_hint=x", "set by the gateway"],
    ["post_logout_redirect_uri=https://x", "set by the gateway"],
    ["state=x", "set by the gateway"],
    ["client_secret=x", "the browser sees the URL"],
    ["client_assertion=x", "the browser sees the URL"],
    ["logout_uri={client_id}", "the only placeholder is {return_uri}"],
    ["logout_uri={return_uri", "the only placeholder is {return_uri}"],
    ["a=1&a=2", "contains a twice"],
    ["a", "form-encoded"],
    ["a=", "form-encoded"],
    ["a=%00", "invalid value for a"],
  ])("OIDC_LOGOUT_PARAMETERS=%j is rejected", (text, reason) => {
    expect(faultsOf(text).join()).toContain(reason);
  });
});
