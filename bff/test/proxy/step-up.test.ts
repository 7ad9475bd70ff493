// Step-up authentication (RFC 9470): the challenge of an upstream and the response to the browser.
import { afterEach, describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { parseLoginParameters } from "../../src/auth/login-parameters.ts";
import { stepUpDemand } from "../../src/proxy/step-up.ts";
import { appRequest, sendRaw, startGateway, startUpstream } from "./gateway.ts";

const CHALLENGE =
  'Bearer realm="api", error="insufficient_user_authentication", error_description="secret hint", acr_values="2", max_age="900"';
const USER = { token: "user", prefix: "/api" } as const;

const loginUrlFor = (challenge: string, upstream: Parameters<typeof stepUpDemand>[2] = USER, status = 401) =>
  stepUpDemand(status, { "www-authenticate": challenge }, upstream)?.loginUrl;

describe("a challenge", () => {
  test.each([
    [CHALLENGE, "/bff/login?acr_values=2&max_age=900"],
    ['Bearer error="insufficient_user_authentication", max_age=0', "/bff/login?max_age=0"],
    ['bearer ERROR = insufficient_user_authentication , acr_values="a b"', "/bff/login?acr_values=a+b"],
    ['DPoP error="insufficient_user_authentication", acr_values="urn:x:2"', "/bff/login?acr_values=urn%3Ax%3A2"],
    ['Basic realm="x", Bearer error="insufficient_user_authentication", acr_values=2', "/bff/login?acr_values=2"],
    // Requests a login without acr_values and max_age.
    ['Bearer error="insufficient_user_authentication"', "/bff/login?prompt=login"],
  ])("a challenge %s leads to a login that satisfies it", (challenge, loginUrl) => {
    expect(loginUrlFor(challenge)).toBe(loginUrl);
    expect(() =>
      parseLoginParameters(loginUrl.split("?")[1] ?? "", { publicOrigin: "https://app.example", isPage: () => true }),
    ).not.toThrow();
  });

  test.each([
    ['Bearer error="insufficient_user_authentication", acr_values="2&returnTo=//evil.example"', "prompt=login"],
    ['Bearer error="insufficient_user_authentication", acr_values="\\"><script>", max_age="x"', "prompt=login"],
    ['Bearer error="insufficient_user_authentication", acr_values="2", acr_values="1"', "acr_values=2"],
    ['Bearer error="insufficient_user_authentication", prompt="none", redirect_uri="https://x"', "prompt=login"],
  ])("a challenge %s requests only what a login accepts", (challenge, query) => {
    expect(loginUrlFor(challenge)).toBe(`/bff/login?${query}`);
  });

  test.each([
    ["without an error", 'Bearer realm="api"'],
    ["with another error", 'Bearer error="invalid_token", acr_values="2"'],
    ["of another scheme", 'Basic error="insufficient_user_authentication"'],
    ["that is too long", `Bearer error="insufficient_user_authentication", acr_values="2", x="${"y".repeat(5_000)}"`],
  ])("a challenge %s is the upstream's own response", (_what, challenge) => {
    expect(loginUrlFor(challenge)).toBeUndefined();
  });

  test("a challenge with another status, or without the user's token sent, is forwarded", () => {
    expect(loginUrlFor(CHALLENGE, USER, 403)).toBeUndefined();
    expect(loginUrlFor(CHALLENGE, { ...USER, token: "none" })).toBeUndefined();
    expect(loginUrlFor(CHALLENGE, { ...USER, token: "client" })).toBeUndefined();
  });
});

describe("the browser", () => {
  const stops: (() => unknown)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  });

  test.each(["GET /api/x", "POST /api/x"])(
    "a browser's %s gets the gateway's problem response without text of the upstream",
    async (line) => {
      let isCut = false;
      const upstream = await startUpstream((_request, response) => {
        response.once("close", () => (isCut = true));
        response.writeHead(401, { "www-authenticate": CHALLENGE, "x-own": "upstream", "content-type": "text/plain" });
        // An endless body: the gateway must not wait for it.
        response.write("the upstream's own words");
      });
      const gateway = await startGateway({ upstreams: `/api=${upstream.origin}` });
      stops.push(upstream.stop, gateway.stop);
      const isPost = line.startsWith("POST");
      const request = appRequest(gateway, line, isPost ? ["Content-Length: 5"] : [], isPost ? "typed" : "");
      const response = await sendRaw(gateway.port, request);
      expect(response.status).toBe(401);
      expect(response.headers.get("content-type")).toEqual(["application/problem+json; charset=utf-8"]);
      expect(JSON.parse(response.body)).toMatchObject({
        code: "step_up_required",
        status: 401,
        loginUrl: "/bff/login?acr_values=2&max_age=900",
      });
      await until("the end of the upstream's response", () => isCut);
      expect(response.raw).not.toMatch(/own words|secret hint|x-own|insufficient_user_authentication/);
      await until("a log line with the reason", () =>
        gateway.lines.some(
          (each) => each["code"] === "step_up_required" && /stronger login/.test(String(each["reason"])),
        ),
      );
    },
  );
});
