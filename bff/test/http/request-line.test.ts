// The hand-written request log line equals the line that pino would write.
import { expect, it } from "vitest";
import { createLog, type RequestLine } from "../../src/logging/log.ts";
import { VARIABLES } from "../../src/config/setting-words.ts";

const usual: RequestLine = {
  requestId: "fc706d0c-1b53-4662-ac7b-043710a88445",
  method: "GET",
  path: "/api/protected",
  status: 200,
  durationMs: 1.2,
  clientAddress: "127.0.0.1",
  upstream: "/api",
  code: undefined,
  reason: undefined,
};

function linesOf(line: RequestLine): unknown[] {
  const written: string[] = [];
  const log = createLog("info", {
    destination: { write: (text: string) => void written.push(text) },
    words: VARIABLES,
  });
  log.request(line);
  log.info("request", line);
  expect(written.map((text) => text.match(/\n/g)?.length)).toEqual([1, 1]);
  return written.map((text) => ({ ...JSON.parse(text), time: "" }));
}

it.each<[string, Partial<RequestLine>]>([
  ["an ordinary request", {}],
  ["a rejected request", { status: 403, code: "csrf_rejected", reason: "no X-CSRF header" }],
  ["a path that would end the string", { path: '/api/","level":60,"x":"' }],
  ["a path that would end the line", { path: '/api/\n{"level":60}' }],
  ["backslashes and control characters", { path: "/api/\\u0000\\\u0000\u001f\u007f" }],
  ["non-ASCII characters", { path: "/api/ä\u2028€😀\ud800", method: "GÉT" }],
  ["empty text", { clientAddress: "", path: "" }],
])("a log line with %s equals the line of the library", (_name, change) => {
  const [ours, theirs] = linesOf({ ...usual, ...change });
  expect(ours).toEqual(theirs);
});

it("no line is written if the log level is above info", () => {
  const written: string[] = [];
  createLog("warn", { destination: { write: (text: string) => void written.push(text) }, words: VARIABLES }).request(
    usual,
  );
  expect(written).toEqual([]);
});
