import { describe, expect, it } from "vitest";
import { applicationId } from "../../src/lib/application-id.ts";
import { createSealerFactory } from "../../src/lib/encryption.ts";
import { testKeys } from "@cloakroom/testkit/stored-session.ts";

const sealerOf = (application: string, purpose = "token set") =>
  createSealerFactory(testKeys, applicationId(application))(purpose);

describe("what an application sealed", () => {
  it("opens for itself, on every instance", () => {
    expect(sealerOf("shop").open(sealerOf("shop").seal("secret", "context"), "context")).toBe("secret");
  });

  it.each([
    ["another application", sealerOf("other"), "context"],
    ["an application whose id begins alike", sealerOf("shop-2"), "context"],
    ["another purpose", sealerOf("shop", "login attempt"), "context"],
    ["another context", sealerOf("shop"), "context2"],
  ])("does not open for %s with the same keys", (_whom, sealer, context) => {
    const sealed = sealerOf("shop").seal("secret", "context");
    expect(sealer.open(sealed, context)).toBeUndefined();
    // Not even with the key id of its own.
    expect(sealer.open(sealer.keyId + sealed.slice(sealed.indexOf(".")), context)).toBeUndefined();
  });

  it.each([
    ["a blank", " "],
    ["quotes", '","'],
    ["NUL", "\0"],
  ])("has a label whose parts do not run together at %s", (_what, separator) => {
    const sealed = sealerOf("a", `b${separator}c`).seal("secret", "d");
    expect(sealerOf("a", "b").open(sealed, `c${separator}d`)).toBeUndefined();
  });

  it("derives other secrets in another application, and under another key id", () => {
    expect(sealerOf("shop").derive("nonce", "context")).toBe(sealerOf("shop").derive("nonce", "context"));
    expect(sealerOf("other").derive("nonce", "context")).not.toBe(sealerOf("shop").derive("nonce", "context"));
    expect(sealerOf("other").keyId).not.toBe(sealerOf("shop").keyId);
    expect(sealerOf("shop").derive("a b", "c")).not.toBe(sealerOf("shop").derive("a", "b c"));
  });
});
