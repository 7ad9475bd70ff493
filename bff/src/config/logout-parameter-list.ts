// OIDC_LOGOUT_PARAMETERS: further parameters of every logout request, for providers whose end-session endpoint does not
// follow OIDC RP-Initiated Logout 1.0 (Amazon Cognito).
import { parameterList } from "./login-parameter-list.ts";

/** In a value: replaced by the URL to which the provider redirects after the logout. */
export const RETURN_URI = "{return_uri}";

const SET_BY_GATEWAY: ReadonlySet<string> = new Set([
  "client_id",
  "id_token_hint",
  "post_logout_redirect_uri",
  "state",
]);

function logoutFaultOf(name: string, value: string): string | undefined {
  if (SET_BY_GATEWAY.has(name)) return `must not contain ${name}: it is set by the gateway. Remove it`;
  if (name.startsWith("client_")) return `must not contain ${name}: the browser sees the URL of a logout. Remove it`;
  const isValid = /^\P{Cc}{1,1000}$/u.test(value) && !/[{}]/.test(value.replaceAll(RETURN_URI, ""));
  return isValid ? undefined : `has an invalid value for ${name}; the only placeholder is ${RETURN_URI}`;
}

export const logoutParameterList = parameterList(logoutFaultOf);
