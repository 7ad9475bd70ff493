// Validation of DPoP proofs that clients send (RFC 9449 §4.3): the example of the specification, and proofs that break one
// rule each.
import { hash } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { createDpopValidation, type PresentedProof } from "../../src/provider/dpop-validation.ts";

const used = new Map<string, number>();
const markUsed = async (name: string, ttlMs: number) => !used.has(name) && used.set(name, ttlMs) !== undefined;
const at = (seconds: number) => createDpopValidation({ clockSkewSeconds: 30, markUsed, now: () => seconds * 1000 });
const reasonOf = async (presented: PresentedProof, seconds = NOW) => {
  const verdict = await at(seconds).verify(presented);
  return verdict.kind === "rejected" ? verdict.reason : "accepted";
};

/** RFC 9449 §7.1, figure 12. */
const RFC_9449 = {
  accessToken: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
  jkt: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
  proof:
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
  method: "GET",
  url: "https://resource.example.org/protectedresource",
};
const RFC_9449_AT = 1_562_262_618;

const NOW = 1_800_000_000;
const ACCESS_TOKEN = "an-access-token";
const key = await generateKeyPair("ES256", { extractable: true });
const other = await generateKeyPair("ES256", { extractable: true });
const rsa = await generateKeyPair("PS256", { extractable: true });
const jwk = await exportJWK(key.publicKey);
const otherJwk = await exportJWK(other.publicKey);
const privateJwk = await exportJWK(key.privateKey);
const rsaJwk = await exportJWK(rsa.publicKey);
const jkt = await calculateJwkThumbprint(jwk);
const url = "https://shop.example/api/orders/1";

type Change = {
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  signer?: Parameters<SignJWT["sign"]>[0];
};

async function proofOf({ claims = {}, header = {}, signer = key.privateKey }: Change = {}): Promise<string> {
  const honest = {
    jti: crypto.randomUUID(),
    htm: "POST",
    htu: url,
    iat: NOW,
    ath: hash("sha256", ACCESS_TOKEN, "base64url"),
    ...claims,
  };
  const withoutUndefined = (members: object) =>
    Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
  return new SignJWT(withoutUndefined(honest))
    .setProtectedHeader(withoutUndefined({ alg: "ES256", typ: "dpop+jwt", jwk, ...header }) as { alg: string })
    .sign(signer);
}
const presented = (proof: string | undefined, more: Partial<PresentedProof> = {}): PresentedProof => ({
  ...{ proof, method: "POST", url, accessToken: ACCESS_TOKEN, jkt },
  ...more,
});

describe("a DPoP proof", () => {
  it("the example of RFC 9449 §7.1 is accepted at its time, once", async () => {
    expect(await reasonOf(RFC_9449, RFC_9449_AT)).toBe("accepted");
    expect(await reasonOf(RFC_9449, RFC_9449_AT)).toBe("the DPoP proof was already used");
    expect(await reasonOf(RFC_9449, RFC_9449_AT + 3_600)).toBe("the DPoP proof is too old");
  });

  it.each<[string, Change, Partial<PresentedProof>?]>([
    ["of this request", {}],
    ["whose htu has a query and a fragment", { claims: { htu: `${url}?a=b#c` } }],
    ["whose htu names the default port and another case", { claims: { htu: "HTTPS://Shop.Example:443/api/orders/1" } }],
    ["whose htu escapes what needs no escape", { claims: { htu: "https://shop.example/api/%6Frders/1" } }],
    ["of a request whose path escapes what needs no escape", {}, { url: "https://shop.example/api/%6frders/1" }],
    ["with further claims and a nonce", { claims: { nonce: "of-a-server", exp: NOW + 60 } }],
    ["of the beginning of the window", { claims: { iat: NOW - 89 } }],
    ["of a client whose clock is ahead", { claims: { iat: NOW + 29 } }],
  ])("%s is accepted", async (_name, change, more) => {
    expect(await reasonOf(presented(await proofOf(change), more))).toBe("accepted");
  });

  it.each<[string, Change, RegExp, Partial<PresentedProof>?]>([
    ["of another method", {}, /htm/, { method: "GET" }],
    ["whose htm is in lower case", { claims: { htm: "post" } }, /htm/],
    ["of another path", {}, /htu/, { url: `${url}0` }],
    ["of a path with another case", {}, /htu/, { url: "https://shop.example/api/Orders/1" }],
    ["of a path with a final slash", {}, /htu/, { url: `${url}/` }],
    ["of another host", { claims: { htu: "https://shop.example.attacker.test/api/orders/1" } }, /htu/],
    ["of another port", { claims: { htu: "https://shop.example:8443/api/orders/1" } }, /htu/],
    ["of another scheme", { claims: { htu: "http://shop.example/api/orders/1" } }, /htu/],
    ["whose htu has a user", { claims: { htu: "https://a@shop.example/api/orders/1" } }, /htu/],
    ["whose htu is a path", { claims: { htu: "/api/orders/1" } }, /htu/],
    ["whose htu escapes the slash", { claims: { htu: "https://shop.example/api%2Forders/1" } }, /htu/],
    ["whose htu is a list", { claims: { htu: [url] } }, /htu/],
    ["that is too old", { claims: { iat: NOW - 91 } }, /too old/],
    ["of the future", { claims: { iat: NOW + 31 } }, /future/],
    ["whose iat is a text", { claims: { iat: String(NOW) } }, /iat|invalid/],
    ["that has expired", { claims: { exp: NOW - 60 } }, /EXPIRED/],
    ["that is not valid yet", { claims: { nbf: NOW + 60 } }, /CLAIM/],
    ["of another access token", { claims: { ath: hash("sha256", "another", "base64url") } }, /ath/],
    ["whose ath is the access token", { claims: { ath: ACCESS_TOKEN } }, /ath/],
    ["without ath, as for a token request", { claims: { ath: undefined } }, /CLAIM/],
    ["without jti", { claims: { jti: undefined } }, /CLAIM/],
    ["with an empty jti", { claims: { jti: "" } }, /jti/],
    ["with a jti of 513 characters", { claims: { jti: "x".repeat(513) } }, /jti/],
    ["whose jti is a number", { claims: { jti: 1 } }, /jti/],
    ["without htm", { claims: { htm: undefined } }, /CLAIM/],
    ["without htu", { claims: { htu: undefined } }, /CLAIM/],
    ["without iat", { claims: { iat: undefined } }, /CLAIM/],
    ["without typ", { header: { typ: undefined } }, /CLAIM/],
    ["with the typ of an access token", { header: { typ: "at+jwt" } }, /CLAIM/],
    ["without jwk", { header: { jwk: undefined } }, /JWS/],
    ["whose jwk is a text", { header: { jwk: "key" } }, /JWS/],
    ["with the private key in its header", { header: { jwk: privateJwk } }, /JWS/],
    [
      "with a symmetric key",
      { header: { alg: "HS256", jwk: { kty: "oct", k: "c2VjcmV0" } }, signer: new Uint8Array(32) },
      /ALG/,
    ],
    ["signed by another key than that of its header", { signer: other.privateKey }, /SIGNATURE/],
    ["of another key than that of the token", { header: { jwk: otherJwk }, signer: other.privateKey }, /another key/],
    [
      "of an RSA key that is not that of the token",
      { header: { alg: "PS256", jwk: rsaJwk }, signer: rsa.privateKey },
      /another key/,
    ],
    ["with a header that an extension changes", { header: { crit: ["b64"], b64: true } }, /crit|invalid/],
    ["longer than 4096 characters", { claims: { padding: "x".repeat(4_096) } }, /too long/],
  ])("%s is rejected", async (_name, change, reason, more) => {
    expect(await reasonOf(presented(await proofOf(change), more))).toMatch(reason);
  });

  it.each<[string, string | undefined, RegExp]>([
    ["missing", undefined, /has no DPoP proof/],
    ["empty", "", /invalid/],
    ["no JWT", "proof", /invalid/],
    ["two proofs, which Node joins", "a.b.c, a.b.c", /invalid/],
    ["unsigned", `${btoa(JSON.stringify({ alg: "none", typ: "dpop+jwt", jwk }))}.e30.`, /invalid/],
  ])("a DPoP proof that is %s is rejected", async (_name, proof, reason) => {
    expect(await reasonOf(presented(proof))).toMatch(reason);
  });

  it("a DPoP proof is rejected as a replay by every instance, as long as its time is accepted", async () => {
    const proof = await proofOf();
    expect(await reasonOf(presented(proof), NOW - 30)).toBe("accepted");
    expect(await reasonOf(presented(proof), NOW + 89)).toMatch(/already used/);
    expect(used.get([...used.keys()].at(-1) ?? "")).toBeGreaterThanOrEqual(120_000);
  });

  it("a DPoP proof does not mark its jti as used while it is invalid", async () => {
    const before = used.size;
    await reasonOf(presented(await proofOf({ signer: other.privateKey })));
    await reasonOf(presented(await proofOf(), { method: "GET" }));
    expect(used.size).toBe(before);
  });

  it("a DPoP proof may use a jti that a proof of another key has used", async () => {
    const claims = { jti: "shared" };
    const ofOther = { header: { jwk: otherJwk }, signer: other.privateKey };
    expect(await reasonOf(presented(await proofOf({ claims })))).toBe("accepted");
    const jktOfOther = await calculateJwkThumbprint(otherJwk);
    expect(await reasonOf(presented(await proofOf({ claims, ...ofOther }), { jkt: jktOfOther }))).toBe("accepted");
  });
});
