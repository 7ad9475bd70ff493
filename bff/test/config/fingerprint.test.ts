// Configuration hash: equal configurations have equal hashes, and every kind of difference changes it.
import { randomBytes } from "node:crypto";
import { BlockList } from "node:net";
import { describe, expect, it } from "vitest";
import { loadConfig, loadGatewayConfig } from "../../src/config/config.ts";
import { canonicalText, fingerprint } from "../../src/config/fingerprint.ts";

const blocks = (...addresses: string[]) => {
  const list = new BlockList();
  for (const address of addresses) list.addAddress(address);
  return list;
};

const DIFFERENT: readonly (readonly [what: string, a: unknown, b: unknown])[] = [
  ["a text and a number", "1", 1],
  ["a text and its quoted form", '"a"', "a"],
  ["null and its text", null, "null"],
  ["lists with moved boundaries", [["a"], ["b"]], [["a", "b"], []]],
  ["lists in another order", ["a", "b"], ["b", "a"]],
  ["a list and an object with the same members", ["a"], { 0: "a" }],
  ["a list and a set", ["a"], new Set(["a"])],
  ["maps with another value", new Map([["a", "b"]]), new Map([["a", "c"]])],
  ["block lists", blocks("10.0.0.1"), blocks("10.0.0.2")],
  ["an empty block list and an empty object", blocks(), {}],
  ["bytes", Buffer.from("a"), Buffer.from("b")],
  ["regular expressions", /a/, /a/i],
  ["an infinite number and null", Infinity, null],
  ["keys that contain a separator", { "a,b": 1 }, { a: 1, b: 1 }],
];

describe("fingerprint of a configuration", () => {
  const keys = [randomBytes(32)];

  it.each(DIFFERENT)("distinguishes %s", (_what, a, b) => {
    expect(fingerprint([a], keys)).not.toBe(fingerprint([b], keys));
  });

  it.each([
    [
      "maps",
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
      new Map([
        ["b", 2],
        ["a", 1],
      ]),
    ],
    ["sets", new Set(["a", "b"]), new Set(["b", "a"])],
    ["sets of objects", new Set([{ a: 1 }, { b: 2 }]), new Set([{ b: 2 }, { a: 1 }])],
    ["block lists", blocks("10.0.0.1", "10.0.0.2"), blocks("10.0.0.2", "10.0.0.1")],
  ])("ignores the order of %s", (_what, a, b) => {
    expect(fingerprint([a], keys)).toBe(fingerprint([b], keys));
  });

  it("fingerprint of a configuration ignores the order of keys and keys without a value", () => {
    expect(fingerprint({ a: 1, b: 2 }, keys)).toBe(fingerprint({ b: 2, a: 1, c: undefined }, keys));
  });

  it("the fingerprint of a configuration depends on the master key, so that a secret cannot be guessed from it", () => {
    expect(fingerprint({ a: 1 }, keys)).not.toBe(fingerprint({ a: 1 }, [randomBytes(32)]));
  });

  it.each([[() => 1], [new Date()], [Symbol("a")], [1n]])("rejects %s, whose content it cannot compare", (value) => {
    expect(() => canonicalText({ value })).toThrow(TypeError);
  });
});

describe("loadGatewayConfig", () => {
  const env = {
    OIDC_ISSUER: "https://id.example/realms/a",
    OIDC_CLIENT_ID: "shop",
    OIDC_CLIENT_SECRET: "a-secret-of-16-chars",
    PUBLIC_ORIGIN: "https://shop.example",
    SECRET_KEYS: randomBytes(32).toString("base64url"),
    TRUSTED_PROXIES: "10.0.0.0/8",
    UPSTREAMS: "/api=http://localhost:8000",
  };

  it("describes one application by the environment", () => {
    const { server, applications } = loadGatewayConfig(env);
    expect(applications).toEqual([loadConfig(env)]);
    expect(applications[0]).toMatchObject({ ...server, publicOrigin: "https://shop.example" });
  });

  it.each([
    ["a secret", { OIDC_CLIENT_SECRET: "b-secret-of-16-chars" }],
    ["an upstream", { UPSTREAMS: "/api=http://localhost:8001" }],
    ["a trusted proxy", { TRUSTED_PROXIES: "10.0.0.0/16" }],
    ["a limit", { MAX_WAITING_REQUESTS: "17" }],
  ])("changes its hash with %s", (_what, change) => {
    expect(loadGatewayConfig({ ...env, ...change }).hash).not.toBe(loadGatewayConfig(env).hash);
    expect(loadGatewayConfig({ ...env }).hash).toBe(loadGatewayConfig(env).hash);
  });
});
