import { describe, expect, it } from "vitest";
import { createVault } from "../../src/tokens/vault.ts";
import { expiredTokens, sealersOf, testKeys } from "@cloakroom/testkit/stored-session.ts";

const tokens = expiredTokens();

describe("the vault", () => {
  it("opens what it sealed, for the same session", () => {
    const vault = createVault(sealersOf(testKeys));
    expect(vault.open(vault.seal(tokens, "session-a"), "session-a")).toEqual(tokens);
  });

  it("is useless without the session id, even with the master key", () => {
    const sealed = createVault(sealersOf(testKeys)).seal(tokens, "session-a");
    expect(createVault(sealersOf(testKeys)).open(sealed, "session-b")).toBeUndefined();
  });

  it("notices every changed byte", () => {
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

  it("opens with an old master key what the old one sealed, and seals with the newest", () => {
    const sealed = createVault(sealersOf([testKeys[1]!])).seal(tokens, "session-a");
    const rotated = createVault(sealersOf([testKeys[0]!, testKeys[1]!]));
    expect(rotated.open(sealed, "session-a")).toEqual(tokens);
    expect(createVault(sealersOf([testKeys[0]!])).open(rotated.seal(tokens, "session-a"), "session-a")).toEqual(tokens);
    expect(createVault(sealersOf([testKeys[0]!])).open(sealed, "session-a")).toBeUndefined();
  });

  it("never seals the same thing alike", () => {
    const vault = createVault(sealersOf(testKeys));
    expect(new Set(Array.from({ length: 1_000 }, () => vault.seal(tokens, "session-a"))).size).toBe(1_000);
  });

  it("shows no token in what it seals", () => {
    const sealed = createVault(sealersOf(testKeys)).seal(tokens, "session-a");
    expect(Buffer.from(sealed.split(".")[1]!, "base64url").toString("latin1")).not.toContain(tokens.accessToken);
  });

  it.each(["", ".", "x", "AAAAAA.", "AAAAAA.AAAA", "nothing of ours"])("does not open %j", (sealed) => {
    expect(createVault(sealersOf(testKeys)).open(sealed, "session-a")).toBeUndefined();
  });
});
