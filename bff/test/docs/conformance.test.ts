// docs/development/conformance.md against the modules of the conformance suite's plans and the titles of the tests.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/development/conformance.md"), "utf8");

const OIDC = "oidcc-client-test-";
const FAPI = "fapi2-security-profile-final-client-test-";
const modules = (prefix: string, tails: string): string[] =>
  tails
    .trim()
    .split(/\s+/)
    .map((tail) => prefix + tail);

/** The modules of each plan, as the suite's plan classes list them. */
const PLANS: Record<string, string[]> = {
  "oidcc-client-basic-certification-test-plan": [
    "oidcc-client-test",
    ...modules(
      OIDC,
      `invalid-iss missing-sub invalid-aud missing-iat kid-absent-single-jwks kid-absent-multiple-jwks
       idtoken-sig-rs256 idtoken-sig-none invalid-sig-rs256 userinfo-invalid-sub nonce-invalid
       scope-userinfo-claims client-secret-basic`,
    ),
  ],
  "oidcc-client-config-certification-test-plan": [
    ...modules(
      OIDC,
      `discovery-openid-config discovery-jwks-uri-keys discovery-issuer-mismatch idtoken-sig-none
       signing-key-rotation-just-before-signing signing-key-rotation`,
    ),
  ],
  "oidcc-client-test-plan": [
    ...modules(
      OIDC,
      `missing-aud missing-athash invalid-athash missing-chash invalid-chash invalid-sig-hs256 invalid-sig-es256
       userinfo-bearer-header userinfo-bearer-body nonce-unless-code-flow aggregated-claims distributed-claims
       mtls-endpoint-aliases form-post-error`,
    ),
  ],
  "oidcc-client-refreshtoken-test-plan": [
    ...modules(OIDC, `refresh-token refresh-token-invalid-issuer refresh-token-invalid-sub`),
  ],
  "oidcc-client-test-3rd-party-init-login-test-plan": [...modules(OIDC, `3rd-party-init-login`)],
  "oidcc-client-rp-initiated-logout-rp-basic": [
    ...modules(OIDC, `rp-init-logout rp-init-logout-other-state rp-init-logout-no-state`),
  ],
  "oidcc-client-back-channel-logout-rp-basic": [
    ...modules(
      OIDC,
      `rp-backchannel-rpinitlogout rp-backchannel-alg-none rp-backchannel-no-event rp-backchannel-with-nonce
       rp-backchannel-wrong-alg rp-backchannel-wrong-aud rp-backchannel-wrong-event rp-backchannel-wrong-iss`,
    ),
  ],
  "fapi2-security-profile-final-client-test-plan": [
    "fapi2-security-profile-final-client-refresh-token-test",
    ...modules(
      FAPI,
      `happy-path happy-path-no-dpop-nonce discovery-issuer-mismatch invalid-iss invalid-aud
       invalid-secondary-aud invalid-null-alg invalid-alternate-alg invalid-expired-exp invalid-missing-exp
       invalid-missing-aud invalid-missing-iss valid-aud-as-array invalid-nonce invalid-missing-nonce
       invalid-authorization-response-iss remove-authorization-response-iss
       ensure-authorization-response-with-invalid-state-fails
       ensure-authorization-response-with-invalid-missing-state-fails token-endpoint-response-without-expires_in
       token-type-case-insensitivity rs-dpop-auth-scheme-case-insensitivity openbanking-intent-id`,
    ),
  ],
  "fapi2-message-signing-final-client-test-plan": [
    ...modules(
      FAPI,
      `happy-path ensure-jarm-without-iss-fails ensure-jarm-with-invalid-iss-fails ensure-jarm-without-aud-fails
       ensure-jarm-with-invalid-aud-fails ensure-jarm-without-exp-fails ensure-jarm-with-expired-exp-fails
       ensure-jarm-with-invalid-sig-fails ensure-jarm-signature-is-not-none`,
    ),
  ],
};

type Row = { module: string; entry: string };

/** The rows of each plan's table. */
function rowsOf(plan: string): Row[] {
  const section = page.split(/^## /m).find((text) => text.includes(`Plan \`${plan}\``)) ?? "";
  return [...section.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)].map(([, module = "", entry = ""]) => ({ module, entry }));
}

/** The source of a test file without its comments. */
const sourceOf = (file: string): string =>
  readFileSync(join(root, file), "utf8").replaceAll(/^\s*(\/\/|\/?\*).*$/gm, "");

/** Whether a title names the module, in full or as the part behind the file's constant PREFIX. */
function isTitled(module: string, source: string): boolean {
  const prefix = /const PREFIX = "([^"]+)"/.exec(source)?.[1];
  const isWhole = (text: string) => new RegExp(`(?<![\\w-])${text}(?![\\w-])`).test(source);
  if (isWhole(module)) return true;
  if (prefix === undefined || !module.startsWith(prefix)) return false;
  const tail = module.slice(prefix.length);
  return (
    new RegExp(`\\$\\{PREFIX\\}${tail}(?![\\w-])`).test(source) ||
    source.includes(`["${tail}",`) ||
    new RegExp(`\\[\\s+"${tail}",`).test(source)
  );
}

describe.each(Object.entries(PLANS))("%s", (plan, listed) => {
  it("the table has every module of the plan once", () => {
    expect(
      rowsOf(plan)
        .map(({ module }) => module)
        .toSorted(),
    ).toEqual(listed.toSorted());
  });

  it.each(rowsOf(plan))("$module: a test of the named file has its name, or a reason is given", ({ module, entry }) => {
    const file = /^\[[^\]]+\]\(\.\.\/\.\.\/(bff\/test\/[^)]+)\)$/.exec(entry)?.[1];
    if (file === undefined) expect(entry).toMatch(/^does not apply: .{20,}/);
    else expect(isTitled(module, sourceOf(file)), file).toBe(true);
  });
});

it("a module that no title names is found", () => {
  expect(isTitled("oidcc-client-test-no-such-module", sourceOf("bff/test/provider/userinfo.integration.test.ts"))).toBe(
    false,
  );
});
