// Authorization requests of a test provider: plain, pushed (RFC 9126) and as a signed request object (RFC 9101).
import { decodeJwt } from "jose";

export type PushedRequest = { parameters: URLSearchParams; authorization: string | undefined };

export type AuthorizationRequestLog = {
  /** Stores a pushed request. @returns its request_uri */
  push(request: PushedRequest): string;
  /** @returns the parameters of an authorization request, with those of its request object */
  resolve(query: URLSearchParams): URLSearchParams;
  /** @returns the parameters of the last authorization request */
  last(): URLSearchParams;
  pushed: PushedRequest[];
  /** The queries that reached the authorization endpoint. */
  front: URLSearchParams[];
};

export function createAuthorizationRequestLog(): AuthorizationRequestLog {
  const pushed: PushedRequest[] = [];
  const front: URLSearchParams[] = [];
  const open = new Map<string, URLSearchParams>();
  let last = new URLSearchParams();
  return {
    last: () => last,
    pushed,
    front,
    push(request) {
      const uri = `urn:ietf:params:oauth:request_uri:${crypto.randomUUID()}`;
      pushed.push(request);
      open.set(uri, request.parameters);
      return uri;
    },
    resolve(query) {
      front.push(query);
      const found = open.get(query.get("request_uri") ?? "") ?? query;
      open.delete(query.get("request_uri") ?? "");
      const object = found.get("request");
      last = object === null ? found : parametersOf(object);
      return last;
    },
  };
}

function parametersOf(requestObject: string): URLSearchParams {
  const claims = Object.entries(decodeJwt(requestObject)).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  return new URLSearchParams(claims);
}
