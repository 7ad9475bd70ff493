// An answer that is read while it comes, as an EventSource or a download in a browser would.
import { request } from "undici";
import type { TestBrowser } from "./browser.ts";
import type { TestGateway } from "./test-gateway.ts";

export type OpenStream = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Everything that came so far. */
  text(): string;
  /** How it ended, once it has. */
  outcome(): "complete" | "cut" | undefined;
  leave(): void;
};

/** Opens `path` at one instance with that browser's cookies; `headers` over those of an EventSource. */
export async function openStream(
  browser: Pick<TestBrowser, "cookies">,
  at: TestGateway,
  path: string,
  headers: Record<string, string> = {},
): Promise<OpenStream> {
  const answer = await request(at.origin + path, {
    headers: {
      host: new URL(at.config.publicOrigin).host,
      accept: "text/event-stream",
      "sec-fetch-site": "same-origin",
      cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
      ...headers,
    },
  });
  let text = "";
  let outcome: "complete" | "cut" | undefined;
  answer.body
    .on("data", (chunk: Buffer) => (text += chunk.toString()))
    .on("end", () => (outcome = "complete"))
    .on("error", () => (outcome = "cut"));
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text: () => text,
    outcome: () => outcome,
    leave: () => answer.body.destroy(),
  };
}
