// OIDC_LOGIN_PARAMETERS: further parameters of every authorization request. Parameters that the gateway sets, or that would
// put a secret into a URL, are rejected with the setting to use instead.
import { z } from "zod";
import { fileForms } from "./setting-shapes.ts";
import { LOGIN_SHAPES } from "../lib/login-parameter-shapes.ts";

const SET_PER_LOGIN = "is set by the gateway at every login. Remove it";
const SECRET = "is not part of an authorization request, whose URL the browser sees. Remove it";
const perSetting = (name: string) => `has a setting of its own. Use ${name}`;

/** Why a name is rejected, with the cure. */
const REJECTED: Readonly<Record<string, string>> = {
  client_id: perSetting("OIDC_CLIENT_ID"),
  scope: perSetting("OIDC_SCOPE"),
  resource: perSetting("OIDC_RESOURCE"),
  request_uri: perSetting("OIDC_PAR"),
  request: perSetting("OIDC_SIGNED_REQUEST"),
  response_mode: perSetting("OIDC_SIGNED_RESPONSE"),
  dpop_jkt: perSetting("OIDC_SENDER_CONSTRAINED"),
  redirect_uri: "is PUBLIC_ORIGIN/bff/callback. Set PUBLIC_ORIGIN",
  response_type: "is always code. Remove it",
  state: SET_PER_LOGIN,
  nonce: SET_PER_LOGIN,
  code_challenge: SET_PER_LOGIN,
  code_challenge_method: SET_PER_LOGIN,
  id_token_hint: "would name one user in every login. Remove it",
  code_verifier: SECRET,
  client_secret: SECRET,
  client_assertion: SECRET,
  client_assertion_type: SECRET,
};

const NAME = /^[\w.:-]{1,64}$/;
const VALUE = /^\P{Cc}{1,1000}$/u;
const MAX_CHARS = 1_000;

function loginFaultOf(name: string, value: string): string | undefined {
  const rejected = Object.hasOwn(REJECTED, name) ? REJECTED[name] : undefined;
  if (rejected !== undefined) return `must not contain ${name}: it ${rejected}`;
  // It would make every login fail, or show the registration page.
  if (name === "prompt" && (value === "none" || value === "create"))
    return `must not contain prompt=${value}, which suits single links only. Put it into the link to /bff/login`;
  const shape = Object.hasOwn(LOGIN_SHAPES, name) ? LOGIN_SHAPES[name as keyof typeof LOGIN_SHAPES] : VALUE;
  return shape.test(value) ? undefined : `has an invalid value for ${name}`;
}

/**
 * Schema of a form-encoded list such as `audience=https%3A%2F%2Fapi&access_type=offline`.
 * @param faultOf the rule that a parameter breaks, if any
 */
export const parameterList = (faultOf: (name: string, value: string) => string | undefined) =>
  z
    .string()
    .transform((text, ctx): Readonly<Record<string, string>> => {
      if (text.length > MAX_CHARS) ctx.addIssue(`must have at most ${MAX_CHARS} characters`);
      const parameters: Record<string, string> = {};
      for (const [name, value] of new URLSearchParams(text)) {
        if (!NAME.test(name) || value === "") {
          ctx.addIssue(
            "must be form-encoded with a value for every name, e.g. audience=https%3A%2F%2Fapi&access_type=offline",
          );
          continue;
        }
        const fault = Object.hasOwn(parameters, name) ? `contains ${name} twice` : faultOf(name, value);
        if (fault !== undefined) ctx.addIssue(fault);
        parameters[name] = value;
      }
      return parameters;
    })
    .register(fileForms, { kind: "parameters" });

export const loginParameterList = parameterList(loginFaultOf);
