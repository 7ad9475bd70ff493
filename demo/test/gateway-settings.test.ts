// The settings that npm start passes to the gateway.
import { expect, test } from "vitest";
import { pickGatewaySettings } from "../src/launcher/gateway-settings.ts";

test("the demo launcher passes a misspelt setting to the gateway, which reports it", () => {
  expect(pickGatewaySettings({ SESSION_IDLE_SECOND: "5", OIDC_COLOR: "other", PATH: "/bin" })).toEqual({
    SESSION_IDLE_SECOND: "5",
  });
});
