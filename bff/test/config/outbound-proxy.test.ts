// NO_PROXY, and the proxy settings of the environment.
import { describe, expect, it } from "vitest";
import { type ConfigError, loadConfig } from "../../src/config/config.ts";
import { proxyConfig, proxyFor } from "../../src/config/outbound-proxy.ts";

const PROXY = "http://proxy.example:3128";

describe("NO_PROXY", () => {
  const isProxied = (noProxy: string, url: string): boolean =>
    proxyFor(new URL(url), proxyConfig({ HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY, NO_PROXY: noProxy })) !== undefined;

  it.each<[string, string, boolean]>([
    ["", "https://login.example.com/", true],
    [" , ,", "https://login.example.com/", true],
    ["*", "https://login.example.com/", false],
    ["example.com", "https://login.example.com/", false],
    ["example.com", "https://example.com/", false],
    ["EXAMPLE.com", "https://Login.Example.COM/", false],
    ["example.com", "https://badexample.com/", true],
    ["example.com", "https://example.com.evil.example/", true],
    [".example.com", "https://login.example.com/", false],
    [".example.com", "https://badexample.com/", true],
    ["*.example.com", "https://login.example.com/", false],
    ["*.example.com", "https://example.com/", true],
    ["login.example.com", "https://example.com/", true],
    ["example.com.", "https://login.example.com/", false],
    ["example.com", "https://login.example.com./", false],
    ["example.com:8443", "https://login.example.com:8443/", false],
    ["example.com:8443", "https://login.example.com/", true],
    ["example.com:443", "https://login.example.com/", false],
    ["example.com:80", "http://login.example.com/", false],
    ["localhost", "http://localhost:8080/", false],
    ["127.0.0.1", "http://127.0.0.1:8080/", false],
    ["127.0.0.1:8080", "http://127.0.0.1:8081/", true],
    ["27.0.0.1", "http://127.0.0.1:8080/", true],
    ["::1", "http://[::1]:8080/", false],
    ["[::1]", "http://[::1]:8080/", false],
    ["[::1]:8080", "http://[::1]:8080/", false],
    ["[::1]:8081", "http://[::1]:8080/", true],
    ["0:0:0:0:0:0:0:1", "http://[::1]:8080/", false],
    ["other.example, login.example.com", "https://login.example.com/", false],
    ["other.example login.example.com", "https://login.example.com/", false],
  ])("NO_PROXY=%j: a request to %s is proxied: %s", (noProxy, url, expected) => {
    expect(isProxied(noProxy, url)).toBe(expected);
  });

  it("the scheme of the request selects the proxy", () => {
    const config = proxyConfig({ HTTPS_PROXY: PROXY });
    expect(proxyFor(new URL("https://a.example/"), config)).toBe(PROXY);
    expect(proxyFor(new URL("http://a.example/"), config)).toBeUndefined();
  });
});

describe("the environment", () => {
  const good = {
    OIDC_ISSUER: "http://localhost:8080/realms/demo",
    OIDC_CLIENT_ID: "cloakroom",
    OIDC_CLIENT_SECRET: "a-secret-of-enough-length",
    SECRET_KEYS: Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64url"),
  };
  const proxy = (env: Record<string, string>) => loadConfig({ ...good, ...env }).provider.proxy;

  it("a proxy setting in lower case takes precedence, and an empty value is unset", () => {
    expect(proxy({ https_proxy: "http://lower:1", HTTPS_PROXY: "http://upper:1" }).https).toBe("http://lower:1");
    expect(proxy({ https_proxy: "", HTTPS_PROXY: "http://upper:1" }).https).toBe("http://upper:1");
    expect(proxy({ http_proxy: "proxy:3128" }).http).toBe("http://proxy:3128");
    expect(proxy({ no_proxy: "a.example" }).bypass).toHaveLength(1);
    expect(proxy({})).toEqual({ https: undefined, http: undefined, bypass: [] });
  });

  it.each(["ALL_PROXY", "FTP_PROXY", "ftp_proxy", "all_proxy", "SOCKS_PROXY", "RSYNC_PROXY"])(
    "the variable %s of other programs is accepted",
    (name) => {
      expect(() => loadConfig({ ...good, [name]: "http://proxy.example:3128" })).not.toThrow();
    },
  );

  it.each(["socks5://user:canary-pw@proxy.example:1080", "http://", "ftp://proxy.example", "http://a b"])(
    "an invalid proxy URL prevents startup with one sentence without the value: %s",
    (value) => {
      try {
        loadConfig({ ...good, HTTPS_PROXY: value });
        expect.unreachable();
      } catch (error) {
        expect((error as ConfigError).faults).toHaveLength(1);
        expect((error as Error).message).toContain("HTTPS_PROXY must be the http:// or https:// URL of a proxy");
        expect((error as Error).message).not.toContain("canary");
      }
    },
  );
});
