// Options of the host's server: which ones are rejected, and which are reported.
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer as createTlsServer } from "node:https";
import { describe, expect, it } from "vitest";
import { SERVER_OPTIONS } from "../../src/http/server-options.ts";
import { checkServer } from "../../src/library/server-check.ts";

const NORMAL = { isBehindProxy: false, nodeOptions: [], maxHeaderSizeOfNode: 16_384 };
const server = (options: object) => createServer({ ...SERVER_OPTIONS, ...options });

describe("the check of a host's server", () => {
  it.each([
    ["node:http", () => createServer(SERVER_OPTIONS)],
    ["node:https", () => createTlsServer(SERVER_OPTIONS)],
  ])("a server of %s with the gateway's options has no faults", (_name, create) => {
    expect(checkServer(create(), { ...NORMAL, isBehindProxy: true })).toEqual({ faults: [], warnings: [] });
  });

  it.each<[object, RegExp]>([
    [{ insecureHTTPParser: true }, /insecureHTTPParser .*request smuggling/],
    [{ joinDuplicateHeaders: true }, /joinDuplicateHeaders/],
  ])("%j is a fault", (options, sentence) => {
    const { faults } = checkServer(server(options), NORMAL);
    expect(faults).toEqual([expect.stringMatching(sentence)]);
  });

  it.each(["--insecure-http-parser", "--insecure-http-parser=true"])("Node's option %s is a fault", (option) => {
    expect(checkServer(server({}), { ...NORMAL, nodeOptions: ["--inspect", option] }).faults).toHaveLength(1);
  });

  it("an HTTP/2 server is a fault", () => {
    expect(checkServer(createHttp2Server() as never, NORMAL).faults).toEqual([expect.stringMatching(/HTTP\/1\.1/)]);
  });

  it.each<[object, RegExp]>([
    [{ maxHeaderSize: 131_072 }, /^maxHeaderSize is 131072: upstreams/],
    [{ maxHeaderSize: 4_096 }, /^maxHeaderSize is 4096: browsers/],
    [{ headersTimeout: 0 }, /^headersTimeout is 0 ms/],
    [{ headersTimeout: 600_000 }, /^headersTimeout is 600000 ms/],
    [{ requestTimeout: 300_000 }, /^requestTimeout ends uploads after 300 s/],
  ])("%j is a warning with the cure", (options, sentence) => {
    const { faults, warnings } = checkServer(server(options), NORMAL);
    expect([faults, warnings]).toEqual([[], [expect.stringMatching(sentence)]]);
    expect(warnings[0]).toMatch(/Set \d+/);
  });

  it.each([131_072, 4_096])("--max-http-header-size=%i counts for a server without its own limit", (size) => {
    const circumstances = { ...NORMAL, maxHeaderSizeOfNode: size };
    expect(checkServer(server({ maxHeaderSize: undefined }), circumstances).warnings).toEqual([
      expect.stringMatching(`^maxHeaderSize is ${size}:.* Set 16384`),
    ]);
    expect(checkServer(server({}), circumstances).warnings).toEqual([]);
  });

  it("a short keepAliveTimeout is a warning behind proxies only", () => {
    const short = server({ keepAliveTimeout: 5_000 });
    expect(checkServer(short, NORMAL).warnings).toEqual([]);
    expect(checkServer(short, { ...NORMAL, isBehindProxy: true }).warnings).toHaveLength(1);
  });

  it("a listener for timeout is a warning: stalled uploads would never end", () => {
    const listening = server({}).on("timeout", () => undefined);
    expect(checkServer(listening, NORMAL).warnings).toEqual([expect.stringMatching(/^a listener for timeout/)]);
  });

  it("a socket timeout is a warning", () => {
    const timed = server({});
    timed.timeout = 10_000;
    expect(checkServer(timed, NORMAL).warnings).toEqual([expect.stringMatching(/^timeout ends event streams/)]);
  });
});
