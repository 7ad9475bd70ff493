// The library as it runs now: its keys, their rotation, and signatures with the newest of them.
import type { RequestListener } from "node:http";
import type { JWK, Provider } from "oidc-provider";
import { logoutTokenClaims, newSigningKey, signJwt } from "./keys.ts";
import type { BuildLibrary } from "./library.ts";
import type { IssuedTokens, ProviderHandle } from "./types.ts";

type Parts = { keys: readonly JWK[]; build: BuildLibrary; issuer: string; issued: IssuedTokens };

type RunningLibrary = Pick<ProviderHandle, "rotateKeys" | "logoutToken" | "sign"> & {
  handler: RequestListener;
  provider: () => Provider;
};

export function runLibrary({ keys: firstKeys, build, issuer, issued }: Parts): RunningLibrary {
  let keys = firstKeys;
  let library = build(keys);
  const sign = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
    signJwt(keys[0] ?? {}, claims, header);
  return {
    handler: (req, res) => library.handler(req, res),
    provider: () => library.provider,
    sign,
    logoutToken: async (claims, header) => {
      const token = await sign(logoutTokenClaims(issuer, claims), { typ: "logout+jwt", ...header });
      issued.logoutTokens.push(token);
      return token;
    },
    rotateKeys: async ({ dropOld = false } = {}) => {
      keys = [await newSigningKey(), ...(dropOld ? [] : keys)];
      library = build(keys);
    },
  };
}
