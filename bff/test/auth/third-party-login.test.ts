// Table of decideLogin: parameters, origin of the request and session to start, repeat, confirm or stay.
import { expect, it } from "vitest";
import { parseLoginParameters } from "../../src/auth/login-parameters.ts";
import { decideLogin, type LoginDecision } from "../../src/auth/third-party-login.ts";

const ISS = "iss=https://id.example";
const alice = {
  handle: "handle-of-alice",
  subject: "sub-1",
  user: { sub: "sub-1", preferred_username: "alice", email: "alice@example.com", name: "Alice" },
};
const TYPED = { isCrossSite: false, isSibling: false, isOwnForm: false };
const CROSS_SITE = { isCrossSite: true, isSibling: false, isOwnForm: false };
const SIBLING = { isCrossSite: false, isSibling: true, isOwnForm: false };
const OWN_FORM = { isCrossSite: false, isSibling: false, isOwnForm: true };

type Row = [string, string, typeof TYPED, typeof alice | undefined, LoginDecision];

it.each<Row>([
  ["a login of the app", "", TYPED, undefined, "start"],
  ["a login of the app with a session", "prompt=login", TYPED, alice, "start"],
  ["a login of the app with a login_hint for another user", "login_hint=bob", TYPED, alice, "start"],
  ["a cross-site link whose browser withholds the session cookie", "", CROSS_SITE, undefined, "repeat"],
  ["a cross-site link that claims to be repeated", "repeated=1", CROSS_SITE, undefined, "confirm"],
  ["a cross-site link with a session", "", CROSS_SITE, alice, "confirm"],
  ["a link of a sibling host without a session", "", SIBLING, undefined, "start"],
  ["a link of a sibling host with a session", "kc_idp_hint=partner", SIBLING, alice, "confirm"],
  ["a link of a sibling host for the user of the session", "login_hint=alice", SIBLING, alice, "stay"],
  ["a repeated link with a session", `${ISS}&repeated=1`, TYPED, alice, "confirm"],
  ["a repeated link without iss and with a session", "repeated=1", TYPED, alice, "confirm"],
  ["a repeated link without a session", "repeated=1", TYPED, undefined, "start"],
  ["a third-party login without a session", ISS, TYPED, undefined, "start"],
  ["a cross-site third-party login", ISS, CROSS_SITE, undefined, "repeat"],
  ["a third-party login with a session", ISS, TYPED, alice, "confirm"],
  ["a third-party login for another user", `${ISS}&login_hint=bob`, TYPED, alice, "confirm"],
  ["a third-party login for the user's subject", `${ISS}&login_hint=sub-1`, TYPED, alice, "stay"],
  ["a third-party login for the user's name", `${ISS}&login_hint=alice`, TYPED, alice, "stay"],
  ["a third-party login for the user's address", `${ISS}&login_hint=alice@example.com`, TYPED, alice, "stay"],
  ["a third-party login for a name in other case", `${ISS}&login_hint=Alice@example.com`, TYPED, alice, "confirm"],
  [
    "a third-party login for the user that demands a new login",
    `${ISS}&login_hint=alice&prompt=login`,
    TYPED,
    alice,
    "confirm",
  ],
  [
    "a third-party login for the user with a maximum age",
    `${ISS}&login_hint=alice&max_age=60`,
    TYPED,
    alice,
    "confirm",
  ],
  ["a third-party login for the user with an acr", `${ISS}&login_hint=alice&acr_values=2`, TYPED, alice, "confirm"],
  ["a third-party login with prompt=none and a session", `${ISS}&prompt=none`, TYPED, alice, "stay"],
  ["consent for the session", `${ISS}&confirmed=handle-of-alice`, OWN_FORM, alice, "start"],
  ["consent without iss", "confirmed=handle-of-alice", OWN_FORM, alice, "start"],
  ["consent for another session", `${ISS}&confirmed=handle-of-bob`, OWN_FORM, alice, "confirm"],
  ["consent while no session was known", `${ISS}&confirmed=none`, OWN_FORM, alice, "confirm"],
  ["consent without a session", `${ISS}&confirmed=none`, OWN_FORM, undefined, "start"],
  ["consent forged in a link", `${ISS}&confirmed=handle-of-alice`, TYPED, alice, "confirm"],
  ["consent forged without iss", "confirmed=handle-of-alice", TYPED, alice, "confirm"],
  ["consent forged by another site", `${ISS}&confirmed=none&repeated=1`, CROSS_SITE, undefined, "confirm"],
  ["consent forged by another site with a session", `${ISS}&confirmed=handle-of-alice`, CROSS_SITE, alice, "confirm"],
])("decideLogin decides about %s: %s", (...[, query, origin, session, decision]) => {
  expect(
    decideLogin(
      parseLoginParameters(query, { publicOrigin: "https://app.example", isPage: () => true }),
      origin,
      session,
    ),
  ).toBe(decision);
});
