// Which responses of an upstream reject the access token (RFC 6750 §3, RFC 9449 §7.1).
import { describe, expect, it } from "vitest";
import { rejectsToken } from "../../src/proxy/challenge.ts";

const isRejected = (challenge: string | string[] | undefined, status = 401) =>
  rejectsToken(status, challenge === undefined ? {} : { "www-authenticate": challenge as string });

describe("a 401 response", () => {
  it.each([
    'Bearer error="invalid_token"',
    "bearer ERROR=invalid_token",
    'Bearer realm="a, b=\\"c\\"", error="invalid_token", error_description="expired"',
    'DPoP algs="ES256", error="invalid_token"',
    'Basic realm="x", Bearer error="invalid_token"',
  ])("%s rejects the token", (challenge) => expect(isRejected(challenge)).toBe(true));

  it("several challenge headers are one list", () =>
    expect(isRejected(["Basic realm=x", 'Bearer error="invalid_token"'])).toBe(true));

  it.each([
    undefined,
    "Bearer",
    'Bearer error="invalid_request"',
    'Bearer error="insufficient_scope"',
    'Bearer error="insufficient_user_authentication"',
    'DPoP error="use_dpop_nonce"',
    'DPoP error="invalid_dpop_proof"',
    'Bearer error="INVALID_TOKEN"',
    'Bearer error="x", error="invalid_token"',
    'Bearer realm="error=invalid_token"',
    'Basic error="invalid_token"',
    'Negotiate, Token error="invalid_token"',
    `Bearer error="invalid_token", x="${"y".repeat(5_000)}"`,
  ])("%s does not reject the token", (challenge) => expect(isRejected(challenge)).toBe(false));
});

it.each([200, 400, 403, 407, 500])("status %i does not reject the token", (status) =>
  expect(isRejected('Bearer error="invalid_token"', status)).toBe(false),
);
