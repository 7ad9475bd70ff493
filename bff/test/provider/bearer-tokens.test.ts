// The caches of access tokens: how often keys and the introspection endpoint are asked, and for how long a result counts. The
// provider is a stand-in without a network.
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT, type JWTVerifyOptions } from "jose";
import { describe, expect, it } from "vitest";
import { BEARER_ROW } from "../../src/config/bearer-row.ts";
import type { ProviderConfig } from "../../src/config/config.ts";
import { createBearerTokens } from "../../src/provider/bearer-tokens.ts";
import type { ProviderConnection } from "../../src/provider/provider-connection.ts";

const ISSUER = "https://provider.test";
const START = 1_800_000_000_000;
const pair = await generateKeyPair("RS256");
const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: "1", alg: "RS256" }] });

const address = () => "192.0.2.1";

function start() {
  const clock = { ms: START };
  const calls = { verify: 0 };
  const connect = async () => ({
    async verifyBearer(jwt: string, options: JWTVerifyOptions) {
      calls.verify += 1;
      return (await jwtVerify(jwt, keys, options)).payload;
    },
  });
  const config = { issuer: ISSUER, clientId: "gateway", clientAuth: {}, timeoutMs: 1_000 } as ProviderConfig;
  const tokens = createBearerTokens(BEARER_ROW.parse({ audience: "api" }), {
    config,
    connect: connect as unknown as ProviderConnection,
    now: () => clock.ms,
  });
  return { tokens, clock, calls };
}
const tokenFor = (seconds: number, claims = {}) =>
  new SignJWT({ iss: ISSUER, aud: "api", sub: "robot", exp: START / 1000 + seconds, ...claims })
    .setProtectedHeader({ alg: "RS256", typ: "at+jwt", kid: "1" })
    .sign(pair.privateKey);

describe("the cache of access tokens", () => {
  it("the cache of access tokens verifies a token once, and returns the result synchronously from then on", async () => {
    const { tokens, calls } = start();
    const token = await tokenFor(60);
    await Promise.all([tokens.validate(token, address), tokens.validate(token, address)]);
    expect(tokens.validate(token, address)).toMatchObject({ kind: "accepted", token: { subject: "robot" } });
    expect(calls.verify).toBe(1);
  });

  it("the cache of access tokens does not keep a token longer than its exp and the clock skew", async () => {
    const { tokens, clock } = start();
    const token = await tokenFor(60);
    await tokens.validate(token, address);
    clock.ms += 89_000;
    expect(await tokens.validate(token, address)).toMatchObject({ kind: "accepted" });
    clock.ms += 2_000;
    expect(await tokens.validate(token, address)).toEqual({ kind: "rejected", reason: "it has expired" });
  });

  it("the cache of access tokens verifies a signature again after five minutes, so that a withdrawn key counts no longer", async () => {
    const { tokens, clock, calls } = start();
    const token = await tokenFor(3_600);
    await tokens.validate(token, address);
    clock.ms += 299_000;
    await tokens.validate(token, address);
    expect(calls.verify).toBe(1);
    clock.ms += 2_000;
    await tokens.validate(token, address);
    expect(calls.verify).toBe(2);
  });

  it("the cache of access tokens does not keep rejected tokens", async () => {
    const { tokens, calls } = start();
    const token = `${(await tokenFor(60)).slice(0, -6)}AAAAAA`;
    await tokens.validate(token, address);
    await tokens.validate(token, address);
    expect(calls.verify).toBe(2);
  });

  it("the cache of access tokens keeps tokens of two rows with different audiences apart", async () => {
    const [first, second] = [start(), start()];
    const token = await tokenFor(60, { aud: "other" });
    await first.tokens.validate(token, address);
    expect(await second.tokens.validate(token, address)).toMatchObject({ kind: "rejected" });
  });
});
