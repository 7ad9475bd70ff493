// Titles and explanations of failed requests, by kind of failure and error code.
import type { Failure, Problem } from "@cloakroom/client";
import { sanitizeText } from "../server/sanitize-text.ts";

export interface FailureText {
  readonly title: string;
  readonly meaning: string;
}

/** By the gateway's error code. */
const texts: Readonly<Record<string, FailureText>> = {
  session_missing: { title: "You are no longer logged in", meaning: "Log in again to continue." },
  session_expired: { title: "Your session has expired", meaning: "Log in again to continue." },
  session_revoked: { title: "Your session was ended", meaning: "Log in again to continue." },
  csrf_rejected: {
    title: "The gateway did not recognise this page",
    meaning: "Reload the page and try again. If an extension or a proxy changes your requests, it may be the cause.",
  },
  forbidden: { title: "Your account may not do this", meaning: "You are logged in, but a role is missing." },
  step_up_required: {
    title: "Please confirm that it is you",
    meaning:
      "The API requires more than a password here, such as a one-time code. You stay logged in, and what you typed is kept.",
  },
  store_unavailable: {
    title: "The gateway cannot look up your session right now",
    meaning: "This does not log you out. The gateway works again as soon as the session store is back.",
  },
  provider_unavailable: {
    title: "The login service cannot be reached right now",
    meaning: "This does not log you out. The gateway keeps your session until the service is back.",
  },
  upstream_unreachable: {
    title: "The API cannot be reached",
    meaning: "The gateway works, but the service behind it does not respond.",
  },
  upstream_unavailable: {
    title: "The API is not available right now",
    meaning: "The gateway found it down or busy and checks again automatically. Try again in a moment.",
  },
  overloaded: { title: "The gateway is busy", meaning: "Try again in a moment. You are still logged in." },
  upstream_timeout: { title: "The API took too long", meaning: "The gateway stopped waiting. Try again in a moment." },
  too_many_requests: { title: "Too many requests at once", meaning: "Try again in a moment. You are still logged in." },
  too_many_connections: { title: "Too many connections are open", meaning: "Close other tabs, or wait a moment." },
  payload_too_large: { title: "The request is too large", meaning: "Send less." },
};

export function failureText(failure: Failure): FailureText {
  switch (failure.kind) {
    case "offline":
      return {
        title: "There is no connection",
        meaning: "Cloakroom did not respond. Nothing was lost; try again in a moment.",
      };
    case "timeout":
      return {
        title: "No response in time",
        meaning: `This page stopped waiting after ${Math.round(failure.timeoutMs / 1000)} seconds.`,
      };
    case "unreadable":
      return { title: "The response could not be read", meaning: "It was not in the format that this page expects." };
    case "problem":
      return problemText(failure.problem);
  }
}

function problemText(problem: Problem): FailureText {
  const { code } = problem;
  // An API may send `constructor`.
  const known = code !== null && Object.hasOwn(texts, code) ? texts[code] : undefined;
  const detail = problem.detail === null ? null : sanitizeText(problem.detail);
  // An API may use the gateway's codes for its own 403; its detail is more specific.
  if (known !== undefined)
    return { title: known.title, meaning: problem.status === 403 ? (detail ?? known.meaning) : known.meaning };
  const title = problem.title === null ? defaultTitle(problem.status) : sanitizeText(problem.title);
  return { title, meaning: detail ?? "Quote the request id below when you ask for help." };
}

function defaultTitle(status: number): string {
  if (status >= 500) return "The server could not process the request";
  return defaultTitles[status] ?? "The request was rejected";
}

const defaultTitles: Readonly<Record<number, string>> = {
  // `redirect: "manual"` hides the status of a redirect.
  0: "The response was a redirect, which this page does not follow",
  401: "The API did not accept the login",
  403: "Your account may not do this",
  404: "There is nothing at this address",
  408: "The request took too long",
  409: "The resource was changed in the meantime",
  413: "The request is too large",
  429: "Too many requests in a short time",
};
