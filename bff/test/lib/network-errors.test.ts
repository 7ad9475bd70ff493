// Table of network error codes: kinds, walk of causes, and the errors after which nothing was sent.
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import {
  causesOf,
  kindOfCode,
  networkErrorKind,
  neverSentCode,
  type NetworkErrorKind,
} from "../../src/lib/network-errors.ts";

const failure = (code: string, fields: object = {}) => Object.assign(new Error(code), { code, ...fields });

describe("kindOfCode", () => {
  const rows: [string, NetworkErrorKind | undefined][] = [
    ["ENOTFOUND", "dns"],
    ["EAI_AGAIN", "dns"],
    ["ECONNREFUSED", "refused"],
    ["EHOSTUNREACH", "unreachable"],
    ["ENETUNREACH", "unreachable"],
    ["CERT_HAS_EXPIRED", "certificate"],
    ["CERT_NOT_YET_VALID", "certificate"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate"],
    ["EPROTO", "tls"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls"],
    ["ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC", "tls"],
    ["ERR_TLS_HANDSHAKE_TIMEOUT", "tls"],
    ["UND_ERR_CONNECT_TIMEOUT", "connect_timeout"],
    ["UND_ERR_HEADERS_TIMEOUT", "timeout"],
    ["ETIMEDOUT", "timeout"],
    ["ECONNRESET", "reset"],
    ["EPIPE", "reset"],
    ["UND_ERR_SOCKET", "closed"],
    ["ERR_STREAM_PREMATURE_CLOSE", "premature_close"],
    ["UND_ERR_RES_EXCEEDED_MAX_SIZE", "body_too_large"],
    ["EADDRINUSE", "address_in_use"],
    ["EACCES", "address_not_permitted"],
    ["EADDRNOTAVAIL", "address_not_available"],
    ["EMFILE", "system"],
    ["UND_ERR_ABORTED", undefined],
    ["ERR_HTTP_HEADERS_SENT", undefined],
    ["HPE_INVALID_METHOD", undefined],
    ["WRONGPASS", undefined],
    ["", undefined],
  ];

  it.each(rows)("kindOfCode classifies %s as %s", (code, kind) => {
    expect(kindOfCode(code)).toBe(kind);
  });

  it("kindOfCode has a kind for every error code of the system", () => {
    for (const code of Object.keys(constants.errno)) expect(kindOfCode(code), code).toBeDefined();
  });
});

describe("causesOf", () => {
  it("causesOf yields causes, errors of an AggregateError and errors of ioredis", () => {
    const [inner, first, second, node, previous] = ["inner", "first", "second", "node", "previous"].map((name) =>
      failure(name),
    );
    const aggregate = new AggregateError([first, second]);
    const error = new Error("outer", { cause: new Error("middle", { cause: inner }) });
    Object.assign(error, { lastNodeError: node, previousErrors: [previous, aggregate] });
    const found = [...causesOf(error)];
    for (const each of [error, inner, first, second, node, previous]) expect(found).toContain(each);
  });

  it("causesOf ends for a cyclic cause", () => {
    const error = new Error("a");
    error.cause = error;
    expect([...causesOf(error)].length).toBeLessThan(10);
    expect(neverSentCode(error)).toBeUndefined();
  });
});

describe("neverSentCode", () => {
  const connecting = { syscall: "connect" };
  const sent: Record<string, unknown> = {
    "a reset connection": failure("ECONNRESET"),
    "a timeout of the response": failure("UND_ERR_HEADERS_TIMEOUT"),
    "ETIMEDOUT of a read": failure("ETIMEDOUT", { syscall: "read" }),
    "EHOSTUNREACH of a read": failure("EHOSTUNREACH", { syscall: "read" }),
    "a TLS alert, which can follow the request": failure("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"),
    "an address that may have received it": new AggregateError([failure("ECONNREFUSED"), failure("ECONNRESET")]),
    "an aborted request": failure("UND_ERR_ABORTED"),
    "no error": undefined,
  };
  it.each(Object.entries(sent))("neverSentCode returns undefined for %s", (_name, error) => {
    expect(neverSentCode(error)).toBeUndefined();
    expect(neverSentCode(new TypeError("fetch failed", { cause: error }))).toBeUndefined();
  });

  const notSent: Record<string, unknown> = {
    ENOTFOUND: failure("ENOTFOUND", { syscall: "getaddrinfo" }),
    ECONNREFUSED: failure("ECONNREFUSED", connecting),
    ENETUNREACH: failure("ENETUNREACH", connecting),
    ETIMEDOUT: failure("ETIMEDOUT", connecting),
    UND_ERR_CONNECT_TIMEOUT: failure("UND_ERR_CONNECT_TIMEOUT"),
    CERT_NOT_YET_VALID: failure("CERT_NOT_YET_VALID"),
    EHOSTUNREACH: new AggregateError([failure("EHOSTUNREACH", connecting), failure("ECONNREFUSED", connecting)]),
  };
  it.each(Object.entries(notSent))(
    "neverSentCode returns the code of a request that was not sent: %s",
    (code, error) => {
      expect(neverSentCode(error)).toBe(code);
      expect(neverSentCode(new TypeError("fetch failed", { cause: error }))).toBe(code);
    },
  );

  it("neverSentCode returns ECONNREFUSED for a closed port, of one address and of both addresses of localhost", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    for (const host of ["127.0.0.1", "localhost"]) {
      const [error] = (await once(connect({ port, host, autoSelectFamily: true }), "error")) as [unknown];
      expect(neverSentCode(error)).toBe("ECONNREFUSED");
      expect(networkErrorKind(error)).toBe("refused");
    }
  });
});
