// Mutants of pushed and signed authorization requests and responses.
import type { Mutant } from "./mutants.ts";

const PUSHED = ["test/provider/pushed-requests.extended.test.ts"];

const SIGNED = ["test/provider/signed-responses.integration.test.ts"];

const REQUESTS = ["test/provider/signed-requests.integration.test.ts"];

const PROFILE = ["test/config/security-profile.test.ts"];
const FAPI = ["test/provider/fapi2.extended.test.ts"];

export const AUTHORIZATION_MUTANTS: readonly Mutant[] = [
  {
    breaks: "a rejected push fails every login",
    file: "src/provider/pushed-request.ts",
    find: "if (isPushRejected(error) && !isRequired) return reject(error, hasLinkParameters);",
    replace: "",
    tests: PUSHED,
  },
  {
    breaks: "a push that the provider requires falls back to a plain request",
    file: "src/provider/pushed-request.ts",
    find: "isPushRejected(error) && !isRequired",
    replace: "isPushRejected(error)",
    tests: PUSHED,
  },
  {
    breaks: "a link to /bff/login switches pushed requests off",
    file: "src/provider/pushed-request.ts",
    find: 'ABOUT_PUSH.test(error.error_description ?? "")',
    replace: "error.error_description !== undefined",
    tests: PUSHED,
  },
  {
    breaks: "a link with a value that a firewall rejects switches pushed requests off",
    file: "src/provider/pushed-request.ts",
    find: "hasLinkParameters ? (rejection?.untilMs ?? 0) : nowMs() + FALLBACK_MS",
    replace: "nowMs() + FALLBACK_MS",
    tests: PUSHED,
  },
  {
    breaks: "a rejected push is never tried again",
    file: "src/provider/pushed-request.ts",
    find: "rejection !== undefined && nowMs() < rejection.untilMs",
    replace: "rejection !== undefined",
    tests: PUSHED,
  },
  {
    breaks: "a request_uri of any length is sent in a Location header",
    file: "src/provider/pushed-request.ts",
    find: "if (url.href.length <= MAX_PUSHED_URL_CHARS) return url;",
    replace: "return url;",
    tests: PUSHED,
  },
  {
    breaks: "JARM: the claims of a signed response are used without its signature",
    file: "src/provider/authorization-response.ts",
    find: "verified: () => verify(jwt)",
    replace: "verified: () => Promise.resolve(unverifiedOf(jwt))",
    tests: SIGNED,
  },
  {
    breaks: "JARM: a plain parameter beside the signed response is accepted",
    file: "src/provider/authorization-response.ts",
    find: "jwt === null || query.size > 1",
    replace: "jwt === null",
    tests: SIGNED,
  },
  {
    breaks: "JARM: a signed response for another client is accepted",
    file: "src/provider/authorization-response.ts",
    find: "        audience: config.clientId,\n",
    replace: "",
    tests: SIGNED,
  },
  {
    breaks: "JARM: a signed response without exp is accepted",
    file: "src/provider/authorization-response.ts",
    find: 'requiredClaims: ["iss", "aud", "exp"]',
    replace: 'requiredClaims: ["iss", "aud"]',
    tests: SIGNED,
  },
  {
    breaks: "JARM: the token chooses the signature algorithm",
    file: "src/provider/authorization-response.ts",
    find: "        algorithms: [config.idTokenAlg],\n",
    replace: "",
    tests: SIGNED,
  },
  {
    breaks: "JARM: a forged response spends the login attempt",
    file: "src/auth/callback.ts",
    find: "const query = callbackParameters(await response.verified());",
    replace:
      'await store.markUsed("state", hash("sha256", resumed.nonce, "base64url"), 1000);\n    const query = callbackParameters(await response.verified());',
    tests: SIGNED,
  },
  {
    breaks: "JARM: signatures are verified for browsers without the login attempt",
    file: "src/auth/callback.ts",
    find: "const { state } = callbackParameters(response.unverified);",
    replace: "const { state } = callbackParameters(await response.verified());",
    tests: SIGNED,
  },
  {
    breaks: "JAR: a signed request has an algorithm that the provider does not list",
    file: "src/provider/request-object.ts",
    find: "if (listed !== undefined && !listed.includes(alg))",
    replace: "if (listed === undefined)",
    tests: REQUESTS,
  },
  {
    breaks: "JAR: parameters are sent beside the signed request",
    file: "src/provider/request-object.ts",
    find: 'return { request: url.searchParams.get("request") ?? "" };',
    replace: 'return { ...parameters, request: url.searchParams.get("request") ?? "" };',
    tests: REQUESTS,
  },
  {
    breaks: "JAR: a signed request of any length is sent in a Location header",
    file: "src/provider/request-object.ts",
    find: "if (url.href.length <= MAX_SIGNED_URL_CHARS) return url;",
    replace: "return url;",
    tests: REQUESTS,
  },
  {
    breaks: "JAR: the signing key is not published",
    file: "src/provider/client-authentication.ts",
    find: 'const signs = config.method === "private_key_jwt" || signedRequest;',
    replace: 'const signs = config.method === "private_key_jwt";',
    tests: REQUESTS,
  },
  {
    breaks: "FAPI: a setting that contradicts the profile is accepted",
    file: "src/config/security-profile.ts",
    find: 'typeof value === "string" && !allowed.includes(value)',
    replace: 'typeof value === "string" && value === ""',
    tests: PROFILE,
  },
  {
    breaks: "FAPI: the profile does not set the values that it requires",
    file: "src/config/security-profile.ts",
    find: "if (isOptional !== true) applied[name] = allowed[0];",
    replace: "",
    tests: PROFILE,
  },
  {
    breaks: "FAPI: the issuer may be http",
    file: "src/config/security-profile.ts",
    find: 'if (url === undefined || !url.startsWith("http:") || isLoopbackUrl(url)) return [];',
    replace: "if (url !== null) return [];",
    tests: PROFILE,
  },
  {
    breaks: "FAPI: a key for another algorithm is accepted",
    file: "src/config/security-profile.ts",
    find: "if (fitting.some((each) => FAPI_CLIENT_ALGS.some((allowed) => allowed === each))) return [];",
    replace: "if (fitting.length > 0) return [];",
    tests: PROFILE,
  },
  {
    breaks: "FAPI: an RSA key signs with RS256",
    file: "src/config/provider-settings.ts",
    find: "values.OIDC_PROFILE === undefined ? undefined : FAPI_CLIENT_ALGS",
    replace: "undefined",
    tests: FAPI,
  },
  {
    breaks: "FAPI: the provider's metadata is not checked",
    file: "src/provider/security-profile.ts",
    find: "if (missing.length === 0) return;",
    replace: "if (missing.length < 9) return;",
    tests: FAPI,
  },
  {
    breaks: "FAPI: the provider's metadata may lack certificate-bound tokens",
    file: "src/provider/security-profile.ts",
    find: 'return isOffered ? [] : ["tls_client_certificate_bound_access_tokens"];',
    replace: "return [];",
    tests: FAPI,
  },
];
