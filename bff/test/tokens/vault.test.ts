// Vault: token sets are encrypted under a key derived from master key and session id.
import { describe, expect, it } from "vitest";
import { createVault } from "../../src/tokens/vault.ts";
import { expiredTokens, sealersOf, testKeys } from "@cloakroom/testkit/stored-session.ts";

const tokens = expiredTokens();

describe("vault", () => {
  it("the vault opens a token set with the session id that it was sealed for", () => {
    const vault = createVault(sealersOf(testKeys));
    expect(vault.open(vault.seal(tokens, "session-a"), "session-a")).toEqual(tokens);
  });

  it("the vault does not open a token set with another session id", () => {
    const sealed = createVault(sealersOf(testKeys)).seal(tokens, "session-a");
    expect(createVault(sealersOf(testKeys)).open(sealed, "session-b")).toBeUndefined();
  });

  it("the vault does not open a token set with any byte changed", () => {
    const sealed = createVault(sealersOf(testKeys)).seal(tokens, "session-a");
    const [keyId, body] = sealed.split(".") as [string, string];
    const bytes = Buffer.from(body, "base64url");
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      const vault = createVault(sealersOf(testKeys));
      expect(vault.open(`${keyId}.${changed.toString("base64url")}`, "session-a"), `byte ${at}`).toBeUndefined();
    }
  });

  it("the vault opens with any configured master key and seals with the newest", () => {
    const sealed = createVault(sealersOf([testKeys[1]!])).seal(tokens, "session-a");
    const rotated = createVault(sealersOf([testKeys[0]!, testKeys[1]!]));
    expect(rotated.open(sealed, "session-a")).toEqual(tokens);
    expect(createVault(sealersOf([testKeys[0]!])).open(rotated.seal(tokens, "session-a"), "session-a")).toEqual(tokens);
    expect(createVault(sealersOf([testKeys[0]!])).open(sealed, "session-a")).toBeUndefined();
  });

  it("the vault seals the same token set to a different text each time", () => {
    const vault = createVault(sealersOf(testKeys));
    expect(new Set(Array.from({ length: 1_000 }, () => vault.seal(tokens, "session-a"))).size).toBe(1_000);
  });

  it("a sealed token set contains no token", () => {
    const sealed = createVault(sealersOf(testKeys)).seal(tokens, "session-a");
    expect(Buffer.from(sealed.split(".")[1]!, "base64url").toString("latin1")).not.toContain(tokens.accessToken);
  });

  it.each(["", ".", "x", "AAAAAA.", "AAAAAA.AAAA", "not a sealed value"])("the vault does not open %j", (sealed) => {
    expect(createVault(sealersOf(testKeys)).open(sealed, "session-a")).toBeUndefined();
  });
});
