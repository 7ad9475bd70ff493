// Parameters of the callback (RFC 6749 §4.1.2), from the query or from a verified signed response (JARM).
import { GatewayError } from "../errors.ts";
import { wordOf } from "../provider/provider-errors.ts";

export type CallbackParameters = {
  state: string;
  iss: string | null;
  error: string | undefined;
  /** A text of the provider: compared, never shown or logged. */
  description: string | undefined;
  /** All parameters as a query, for the token request. */
  search: string;
};

const MAX_QUERY_CHARS = 8_192;
const MAX_PARAMETERS = 16;

/** @throws GatewayError login_failed for a repeated or oversized parameter (parameter pollution, ASVS 15.3.7) */
export function parseCallbackQuery(query: string): URLSearchParams {
  const parameters = new URLSearchParams(query);
  const names = [...parameters.keys()];
  if (query.length > MAX_QUERY_CHARS || names.length > MAX_PARAMETERS) throw rejected("the callback is too large");
  if (new Set(names).size !== names.length) throw rejected("a parameter occurs twice");
  return parameters;
}

/** @throws GatewayError login_failed without `state`, or with neither `code` nor `error` */
export function callbackParameters(parameters: URLSearchParams): CallbackParameters {
  const state = parameters.get("state");
  const error = parameters.get("error");
  if (state === null) throw rejected("state is missing");
  if (error === null && parameters.get("code") === null) throw rejected("code and error are missing");
  return {
    state,
    iss: parameters.get("iss"),
    // Only error codes in the shape of the specification reach the log.
    error: error === null ? undefined : wordOf(error),
    description: parameters.get("error_description") ?? undefined,
    search: `?${parameters.toString()}`,
  };
}

function rejected(reason: string): GatewayError {
  return new GatewayError("login_failed", { reason });
}
