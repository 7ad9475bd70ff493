// Mutants of the client authentication at the provider.
import type { Mutant } from "./mutants.ts";

const TESTS = ["test/provider/client-authentication.integration.test.ts"];
const CHANGES = ["test/provider/provider-changes.extended.test.ts"];
const PROXY = ["test/provider/provider-proxy.extended.test.ts"];

export const CLIENT_AUTH_MUTANTS: readonly Mutant[] = [
  {
    breaks: "a method that the provider does not list is used",
    file: "src/provider/client-authentication.ts",
    find: "if (listed.includes(LISTED_AS[method] ?? method)) return method;",
    replace: "return method;",
    tests: TESTS,
  },
  {
    breaks: "the secret is sent by another method than the chosen one",
    file: "src/provider/client-authentication.ts",
    find: 'if (listed.length === 0) return method ?? "client_secret_basic";',
    replace: 'if (listed.length === 0) return "client_secret_basic";',
    tests: TESTS,
  },
  {
    breaks: "client_secret_basic is not form-encoded",
    file: "src/provider/client-authentication.ts",
    find: 'new URLSearchParams([["", text]]).toString().slice(1);',
    replace: "text;",
    tests: TESTS,
  },
  {
    breaks: "/bff/jwks.json publishes private keys",
    file: "src/provider/client-authentication.ts",
    find: 'createPublicKey(key.privateKey).export({ format: "jwk" })',
    replace: 'key.privateKey.export({ format: "jwk" })',
    tests: TESTS,
  },
  {
    breaks: "mtls_endpoint_aliases are used without mutual TLS",
    file: "src/provider/client-configuration.ts",
    find: "use_mtls_endpoint_aliases: context.useAliases,",
    replace: "use_mtls_endpoint_aliases: true,",
    tests: TESTS,
  },
  {
    breaks: "a key that does not belong to the certificate is accepted",
    file: "src/config/client-keys.ts",
    find: "certificate.checkPrivateKey(privateKey)",
    replace: "true",
    tests: ["test/config/client-auth.integration.test.ts"],
  },
  {
    breaks: "an expired certificate of the client is accepted",
    file: "src/config/client-keys.ts",
    find: "if (nowMs > Date.parse(certificate.validTo))",
    replace: "if (nowMs < 0)",
    tests: ["test/config/client-auth.integration.test.ts"],
  },
  {
    breaks: "I4: a request is repeated after the provider may have spent its grant",
    file: "src/provider/repeated-request.ts",
    find: "new Set([404, 405, 410])",
    replace: "new Set([404, 405, 410, 500, 503])",
    tests: CHANGES,
  },
  {
    breaks: "I8: a request to an endpoint that has moved fails",
    file: "src/provider/repeated-request.ts",
    find: "if (repeated !== undefined) return fetch(repeated.url, repeated.init);",
    replace: "",
    tests: CHANGES,
  },
  {
    breaks: "I8: the metadata is read once",
    file: "src/provider/provider-connection.ts",
    find: "if (performance.now() >= staleAtMs) void readAgain();",
    replace: "",
    tests: CHANGES,
  },
  {
    breaks: "the metadata's max-age is ignored",
    file: "src/provider/discovery.ts",
    find: "if (seconds === undefined) return MAX_AGE_MS;",
    replace: "if (seconds !== undefined) return MAX_AGE_MS;",
    tests: CHANGES,
  },
  {
    breaks: "every failed request causes a discovery",
    file: "src/provider/provider-connection.ts",
    find: "current === used && performance.now() >= coolDownUntilMs",
    replace: "current === used",
    tests: CHANGES,
  },
  {
    breaks: "I8: a secret file that is missing for a moment fails every request",
    file: "src/provider/file-value.ts",
    find: "else fault = found.fault;",
    replace: "else [valid, fault] = [undefined, found.fault];",
    tests: CHANGES,
  },
  {
    breaks: "I8: a failed discovery replaces the metadata by nothing",
    file: "src/provider/provider-connection.ts",
    find: "      fault = reason;\n",
    replace: "      fault = reason;\n      current = undefined;\n",
    tests: CHANGES,
  },
  {
    breaks: "I4: a rejected tunnel makes the outcome of a refresh unknown",
    file: "src/lib/network-errors.ts",
    find: ' || kind === "proxy"',
    replace: "",
    tests: PROXY,
  },
  {
    breaks: "the failure of a tunnel is not distinguished from that of a request",
    file: "src/provider/proxy-tunnel.ts",
    find: 'throw new ProxyError(sentence(host, codeOf(error) || "no response"), { cause: error });',
    replace: "throw error;",
    tests: PROXY,
  },
  {
    breaks: "NO_PROXY is ignored",
    file: "src/config/outbound-proxy.ts",
    find: "bypass.some((entry) => isBypassed(entry, host, port))",
    replace: "bypass.length < 0",
    tests: ["test/config/outbound-proxy.test.ts"],
  },
  {
    breaks: "NO_PROXY example.com matches badexample.com",
    file: "src/config/outbound-proxy.ts",
    find: "host.endsWith(`.${entry.host}`)",
    replace: "host.endsWith(entry.host)",
    tests: ["test/config/outbound-proxy.test.ts"],
  },
  {
    breaks: "OIDC_CA_FILE is ignored",
    file: "src/provider/provider-dispatcher.ts",
    find: "...(ca === undefined ? {} : { ca: [...ca] }),",
    replace: "",
    tests: PROXY,
  },
];
