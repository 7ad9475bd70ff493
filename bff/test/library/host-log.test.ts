// The log of a mounted gateway: where its lines go.
import { Console } from "node:console";
import { Writable } from "node:stream";
import { pino } from "pino";
import { expect, it, vi } from "vitest";
import { createHostLog } from "../../src/library/host-log.ts";
import { VARIABLES as words } from "../../src/config/setting-words.ts";
import type { LogEntry } from "../../src/library/types.ts";

const LINE = {
  ...{ requestId: "id", method: "GET", path: "/api", status: 200, durationMs: 1, clientAddress: "127.0.0.1" },
  ...{ upstream: undefined, code: undefined, reason: undefined },
};

it("a function gets one entry per line, with the same fields for request lines", () => {
  const entries: LogEntry[] = [];
  const log = createHostLog((entry) => void entries.push(entry), { level: "info", words });
  log.request(LINE);
  log.security("csrf_rejected", { requestId: "id" });
  log.warn("careful", { reason: "why" });
  log.debug("not shown");
  expect(entries).toEqual([
    expect.objectContaining({ level: "info", message: "request", path: "/api", status: 200 }),
    expect.objectContaining({ level: "info", message: "security event", event: "csrf_rejected" }),
    expect.objectContaining({ level: "warn", message: "careful", reason: "why" }),
  ]);
  expect(entries[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
});

it("a pino instance gets the fields and the message", () => {
  const lines: string[] = [];
  const logger = pino({ base: { service: "shop" } }, { write: (line: string) => void lines.push(line) });
  createHostLog(logger, { level: "info", words }).error("cannot", { code: "ECONNREFUSED" });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: 50, msg: "cannot", code: "ECONNREFUSED" });
});

it("a console gets one line with the message first", () => {
  let text = "";
  const stream = new Writable({ write: (chunk: Buffer, _encoding, done) => done(void (text += chunk.toString())) });
  const log = createHostLog(new Console(stream), { level: "info", words });
  log.warn("careful", { reason: "50 %s\nwhy" });
  log.request(LINE);
  const [first, second, ...rest] = text.split("\n");
  expect(first).toBe('careful {"service":"cloakroom","reason":"50 %s\\nwhy"}');
  expect(second).toMatch(/^request \{"service":"cloakroom",.*"status":200.*\}$/);
  expect(rest).toEqual([""]);
});

it("without a log nothing is written", () => {
  const write = vi.spyOn(process.stdout, "write");
  const log = createHostLog(undefined, { level: "debug", words });
  log.error("nothing");
  log.request(LINE);
  expect(write).not.toHaveBeenCalled();
  write.mockRestore();
});

it("a log function that throws does not disturb the gateway", () => {
  const log = createHostLog(
    () => {
      throw new Error("disk full");
    },
    { level: "info", words },
  );
  expect(() => log.info("x")).not.toThrow();
});
