// GET /api/…: the protected API, reached through the gateway, which attaches the bearer.
import { type Outcome, request } from "./request.ts";

// Above the gateway's own upstream deadline, so that its 504 is what the person sees.
const apiDeadlineMs = 35_000;
const headersDeadlineMs = 8_000;

export interface ApiAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly requestId: string | null;
  readonly body: unknown;
}

export interface VisibleAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export function getApi(path: string, signal?: AbortSignal): Promise<Outcome<ApiAnswer>> {
  return request(path, {
    deadlineMs: apiDeadlineMs,
    signal,
    read: async (response) => ({
      status: response.status,
      contentType: response.headers.get("content-type") ?? "no content type",
      requestId: response.headers.get("x-request-id"),
      body: await response.json(),
    }),
  });
}

/** Everything a script may read of one answer, an error answer included. */
export function getVisible(path: string, signal?: AbortSignal): Promise<Outcome<VisibleAnswer>> {
  return request(path, {
    deadlineMs: headersDeadlineMs,
    signal,
    acceptsErrors: true,
    read: async (response) => ({
      status: response.status,
      headers: [...response.headers],
      body: await response.text(),
    }),
  });
}
