import { describe, expect, it } from "vitest";
import { applicationId } from "../../src/lib/application-id.ts";
import { createSealerFactory } from "../../src/lib/encryption.ts";
import { testKeys } from "@cloakroom/testkit/stored-session.ts";

const sealerOf = (application: string, purpose = "token set") =>
  createSealerFactory(testKeys, applicationId(application))(purpose);

describe("a sealed value", () => {
  it("a sealed value opens in every instance of its application", () => {
    expect(sealerOf("shop").open(sealerOf("shop").seal("secret", "context"), "context")).toBe("secret");
  });

  it.each([
    ["another application", sealerOf("other"), "context"],
    ["an application with the same id prefix", sealerOf("shop-2"), "context"],
    ["another purpose", sealerOf("shop", "login attempt"), "context"],
    ["another context", sealerOf("shop"), "context2"],
  ])("a sealed value does not open with the same keys for %s", (_whom, sealer, context) => {
    const sealed = sealerOf("shop").seal("secret", "context");
    expect(sealer.open(sealed, context)).toBeUndefined();
    // Also not with its key id replaced by that of the opener.
    expect(sealer.open(sealer.keyId + sealed.slice(sealed.indexOf(".")), context)).toBeUndefined();
  });

  it.each([
    ["a blank", " "],
    ["quotes", '","'],
    ["NUL", "\0"],
  ])("a sealed value has an unambiguous label although its parts contain %s", (_what, separator) => {
    const sealed = sealerOf("a", `b${separator}c`).seal("secret", "d");
    expect(sealerOf("a", "b").open(sealed, `c${separator}d`)).toBeUndefined();
  });

  it("derived secrets and key ids differ between applications", () => {
    expect(sealerOf("shop").derive("nonce", "context")).toBe(sealerOf("shop").derive("nonce", "context"));
    expect(sealerOf("other").derive("nonce", "context")).not.toBe(sealerOf("shop").derive("nonce", "context"));
    expect(sealerOf("other").keyId).not.toBe(sealerOf("shop").keyId);
    expect(sealerOf("shop").derive("a b", "c")).not.toBe(sealerOf("shop").derive("a", "b c"));
  });
});
