// OIDC_PROFILE=fapi2-message-signing: signed requests and responses, with the JARM modules of the OpenID conformance suite's
// plan fapi2-message-signing-final-client-test-plan.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { breakSignature, unsigned, without, type Overrides } from "@cloakroom/testkit/hostile-provider.ts";
import type { TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import {
  checkClientAuthentication,
  MODES,
  startFapiSystem,
  throughProvider,
  verifyWithPublishedKeys,
  type FapiSystem,
} from "./fapi-system.ts";

const PREFIX = "fapi2-security-profile-final-client-test-";

describe.each(MODES)("%s", (_name, mode) => {
  let system: FapiSystem;
  let gateway: TestGateway;

  beforeAll(async () => {
    system = await startFapiSystem(mode, "fapi2-message-signing");
    gateway = await system.start();
  });
  beforeEach(() => system.reset());
  afterAll(async () => {
    await gateway.stop();
    await system.stop();
  });

  it(`${PREFIX}happy-path: the pushed request and the response are signed`, async () => {
    const browser = testBrowser(gateway.origin, throughProvider);
    const callback = new URL(await browser.loginAtProvider());
    expect([...callback.searchParams.keys()]).toEqual(["response"]);
    expect((await browser.navigate(callback.href)).status, gateway.log.join("\n")).toBe(303);
    await checkClientAuthentication(system, gateway);
    const { path, body } = system.provider.posts[0]!;
    expect(path).toBe("/pushed");
    expect([...body.keys()].filter((name) => !name.startsWith("client_"))).toEqual(["request"]);
    const { payload, protectedHeader } = await verifyWithPublishedKeys(gateway, body.get("request") ?? "");
    expect(protectedHeader.typ).toBe("oauth-authz-req+jwt");
    expect(payload).toMatchObject({
      iss: system.provider.clientId,
      aud: system.provider.issuer,
      response_mode: "jwt",
      code_challenge_method: "S256",
      nbf: expect.any(Number),
    });
    expect(payload.exp! - payload.nbf!).toBeLessThanOrEqual(3_600);
  });

  it.each<[string, NonNullable<Overrides["signedResponse"]>]>([
    ["ensure-jarm-without-iss-fails", { claims: without("iss") }],
    ["ensure-jarm-with-invalid-iss-fails", { claims: (claims) => ({ ...claims, iss: `${claims["iss"] as string}1` }) }],
    ["ensure-jarm-without-aud-fails", { claims: without("aud") }],
    ["ensure-jarm-with-invalid-aud-fails", { claims: (claims) => ({ ...claims, aud: `${claims["aud"] as string}1` }) }],
    ["ensure-jarm-without-exp-fails", { claims: without("exp") }],
    [
      "ensure-jarm-with-expired-exp-fails",
      { claims: (claims) => ({ ...claims, exp: Math.floor(Date.now() / 1000) - 360 }) },
    ],
    ["ensure-jarm-with-invalid-sig-fails", { jwt: breakSignature }],
    ["ensure-jarm-signature-is-not-none", { jwt: unsigned("none") }],
    ["an alternative algorithm", { header: () => ({ alg: "RS256", kid: "rs256" }) }],
  ])(`${PREFIX}%s`, async (_module, signedResponse) => {
    system.override({ signedResponse });
    const before = system.provider.counts.token;
    const browser = testBrowser(gateway.origin, throughProvider);
    expect((await browser.login()).status).toBe(400);
    expect(system.provider.counts.token).toBe(before);
  });

  it.each([
    ["response_modes_supported", ["query"]],
    ["request_object_signing_alg_values_supported", ["RS256"]],
    ["authorization_signing_alg_values_supported", ["RS256"]],
  ])("metadata with %s %j: readiness has one sentence", async (name, value) => {
    system.override({ metadata: (original) => ({ ...system.metadata(original), [name]: value }) });
    const rejected = await system.start();
    const { status, detail } = await rejected.readiness("provider");
    expect(status).toBe("failed");
    expect(detail).toMatch(/^OIDC_PROFILE is fapi2-message-signing, but the provider's metadata lacks /);
    expect(detail).toContain(name);
    await rejected.stop();
  });
});
