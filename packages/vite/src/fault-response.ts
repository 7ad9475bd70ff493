// Responses to requests for the gateway while it does not run: 503 with the reason, as a page or as a problem (RFC 9457).
import type { AnyRequest, AnyResponse } from "./forward.ts";

const RETRY_AFTER_SECONDS = 1;

export function sendFault({ headers }: AnyRequest, response: AnyResponse, sentence: string): void {
  const isNavigation = headers["sec-fetch-mode"] === "navigate";
  response.statusCode = 503;
  response.setHeader("Content-Type", isNavigation ? "text/html; charset=utf-8" : "application/problem+json");
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("Retry-After", String(RETRY_AFTER_SECONDS));
  response.end(isNavigation ? page(sentence) : problem(sentence));
}

function problem(detail: string): string {
  return JSON.stringify({ title: "Service Unavailable", status: 503, code: "gateway_not_running", detail });
}

function page(sentence: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>The gateway does not run</title>
<body style="font: 1rem/1.5 system-ui; max-width: 45rem; margin: 3rem auto; padding: 0 1rem">
<h1>The gateway does not run</h1>
<pre style="white-space: pre-wrap">${escapeHtml(sentence)}</pre>
<p><a href="">Try again</a></p>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
