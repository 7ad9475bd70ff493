// GET requests to the API through the gateway, which replaces the session cookie with a bearer token.
import { type Outcome, request } from "./request.ts";

// Longer than the gateway's own upstream timeout, so that its 504 arrives before this client gives up.
const apiTimeoutMs = 35_000;
const rawTimeoutMs = 8_000;

export interface ApiResponse {
  readonly status: number;
  readonly contentType: string;
  readonly requestId: string | null;
  readonly body: unknown;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export function fetchApi(path: string, signal?: AbortSignal): Promise<Outcome<ApiResponse>> {
  return request(path, {
    timeoutMs: apiTimeoutMs,
    signal,
    parse: async (response) => ({
      status: response.status,
      contentType: response.headers.get("content-type") ?? "no content type",
      requestId: response.headers.get("x-request-id"),
      body: await response.json(),
    }),
  });
}

/** Status, headers and body as a script can read them; error responses are returned too. */
export function fetchRaw(path: string, signal?: AbortSignal): Promise<Outcome<RawResponse>> {
  return request(path, {
    timeoutMs: rawTimeoutMs,
    signal,
    acceptsErrorResponses: true,
    parse: async (response) => ({
      status: response.status,
      headers: [...response.headers],
      body: await response.text(),
    }),
  });
}
