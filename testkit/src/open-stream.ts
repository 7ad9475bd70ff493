// A response that is read while it arrives, like an EventSource or a download in a browser.
import { request } from "undici";
import type { TestBrowser } from "./browser.ts";
import type { TestGateway } from "./test-gateway.ts";

export type OpenStream = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** The body received so far. */
  text(): string;
  /** Undefined while the response is open. */
  outcome(): "complete" | "aborted" | undefined;
  close(): void;
};

/** Requests `path` from `at` with the browser's cookies. @param headers override the headers of an EventSource */
export async function openStream(
  browser: Pick<TestBrowser, "cookies">,
  at: TestGateway,
  path: string,
  headers: Record<string, string> = {},
): Promise<OpenStream> {
  const response = await request(at.origin + path, {
    headers: {
      host: new URL(at.config.publicOrigin).host,
      accept: "text/event-stream",
      "sec-fetch-site": "same-origin",
      cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
      ...headers,
    },
  });
  let text = "";
  let outcome: "complete" | "aborted" | undefined;
  response.body
    .on("data", (chunk: Buffer) => (text += chunk.toString()))
    .on("end", () => (outcome = "complete"))
    .on("error", () => (outcome = "aborted"));
  return {
    status: response.statusCode,
    headers: response.headers,
    text: () => text,
    outcome: () => outcome,
    close: () => response.body.destroy(),
  };
}
