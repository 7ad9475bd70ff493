// GET requests to the API through the gateway, which replaces the session cookie with a bearer token.
import type { FetchInit, Outcome } from "@cloakroom/client";
import { client } from "../session/session.ts";

/** One slow response, which the gateway gives up after 30 s, or five retries of a 503 with the delays between them. */
const apiTimeoutMs = 70_000;
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

export function fetchApi(path: string, init?: FetchInit): Promise<Outcome<ApiResponse>> {
  return client.request(path, {
    ...init,
    timeoutMs: apiTimeoutMs,
    parse: async (response) => ({
      status: response.status,
      contentType: response.headers.get("content-type") ?? "no content type",
      requestId: response.headers.get("x-request-id"),
      body: await response.json(),
    }),
  });
}

/**
 * Status, headers and body as a script can read them; error responses too. Without the client: a 401 of this request is
 * part of what the page shows and says nothing about the session.
 * @throws as fetch
 */
export async function fetchRaw(path: string, signal: AbortSignal): Promise<RawResponse> {
  const response = await fetch(path, {
    headers: { Accept: "application/json", "X-CSRF": "1" },
    cache: "no-store",
    redirect: "manual",
    signal: AbortSignal.any([signal, AbortSignal.timeout(rawTimeoutMs)]),
  });
  return { status: response.status, headers: [...response.headers], body: await response.text() };
}
