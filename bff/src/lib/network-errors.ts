// Classification of network errors: one table from the error codes of Node, OpenSSL and undici to kinds.

export type NetworkErrorKind =
  /** The host name was not resolved. */
  | "dns"
  | "refused"
  | "unreachable"
  /** The certificate of the server was rejected. */
  | "certificate"
  /** Any other failure of TLS, during the handshake or later. */
  | "tls"
  | "connect_timeout"
  /** No response in time; ETIMEDOUT also of an attempt to connect, see `isNeverSent`. */
  | "timeout"
  /** The peer's system closed the connection. */
  | "reset"
  /** An HTTP proxy opened no tunnel. */
  | "proxy"
  /** The server of an undici client closed the connection. */
  | "closed"
  /** A stream was destroyed before its end. */
  | "premature_close"
  | "body_too_large"
  | "address_in_use"
  | "address_not_permitted"
  | "address_not_available"
  /** Another system error. */
  | "system";

/** Code of our own error, see provider/proxy-tunnel.ts. */
export const PROXY_ERROR_CODE = "ERR_PROXY_TUNNEL";

const KINDS = {
  proxy: [PROXY_ERROR_CODE],
  dns: ["ENOTFOUND", "EAI_AGAIN", "EAI_NONAME"],
  refused: ["ECONNREFUSED"],
  unreachable: ["EHOSTUNREACH", "ENETUNREACH"],
  // https://nodejs.org/api/tls.html#x509-certificate-error-codes and the check of the server's identity.
  certificate: [
    "CERT_CHAIN_TOO_LONG",
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "CERT_REJECTED",
    "CERT_REVOKED",
    "CERT_SIGNATURE_FAILURE",
    "CERT_UNTRUSTED",
    "CRL_HAS_EXPIRED",
    "CRL_NOT_YET_VALID",
    "CRL_SIGNATURE_FAILURE",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "ERROR_IN_CERT_NOT_AFTER_FIELD",
    "ERROR_IN_CERT_NOT_BEFORE_FIELD",
    "ERROR_IN_CRL_LAST_UPDATE_FIELD",
    "ERROR_IN_CRL_NEXT_UPDATE_FIELD",
    "ERR_TLS_CERT_ALTNAME_FORMAT",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "HOSTNAME_MISMATCH",
    "INVALID_CA",
    "INVALID_PURPOSE",
    "PATH_LENGTH_EXCEEDED",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
    "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
    "UNABLE_TO_DECRYPT_CRL_SIGNATURE",
    "UNABLE_TO_GET_CRL",
    "UNABLE_TO_GET_ISSUER_CERT",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  ],
  tls: ["EPROTO"],
  connect_timeout: ["UND_ERR_CONNECT_TIMEOUT"],
  timeout: ["ETIMEDOUT", "UND_ERR_HEADERS_TIMEOUT"],
  reset: ["ECONNRESET", "EPIPE", "ECONNABORTED"],
  closed: ["UND_ERR_SOCKET"],
  premature_close: ["ERR_STREAM_PREMATURE_CLOSE"],
  body_too_large: ["UND_ERR_RES_EXCEEDED_MAX_SIZE"],
  address_in_use: ["EADDRINUSE"],
  address_not_permitted: ["EACCES", "EPERM"],
  address_not_available: ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"],
} as const satisfies Partial<Record<NetworkErrorKind, readonly string[]>>;

const KIND_OF_CODE: ReadonlyMap<string, NetworkErrorKind> = new Map(
  Object.entries(KINDS).flatMap(([kind, codes]) => codes.map((code) => [code, kind as NetworkErrorKind])),
);

/** @returns undefined for a code that is not of the network, such as one of HTTP parsing or an aborted request */
export function kindOfCode(code: string): NetworkErrorKind | undefined {
  const known = KIND_OF_CODE.get(code);
  if (known !== undefined) return known;
  // The reasons of OpenSSL, such as ERR_SSL_WRONG_VERSION_NUMBER, are an open list.
  if (/^ERR_(TLS|SSL)_/.test(code)) return "tls";
  return /^E(?!RR_)[A-Z0-9]+$/.test(code) ? "system" : undefined;
}

/** @returns the error's own `code`; "" if it has none */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** @returns the kind of the error's own code; causes are not considered */
export function networkErrorKind(error: unknown): NetworkErrorKind | undefined {
  return kindOfCode(codeOf(error));
}

const MAX_DEPTH = 5;

/**
 * Yields the error, then what it wraps, depth first: `cause`, the errors of an AggregateError, and ioredis's
 * `lastNodeError` and `previousErrors`. At most five levels, since causes can be cyclic.
 */
export function* causesOf(error: unknown, depth = 0): Generator<Error> {
  if (!(error instanceof Error) || depth > MAX_DEPTH) return;
  yield error;
  for (const each of [error.cause, ...wrappedErrors(error)]) yield* causesOf(each, depth + 1);
}

function wrappedErrors(
  error: Error & { errors?: unknown; lastNodeError?: unknown; previousErrors?: unknown },
): unknown[] {
  const { errors, lastNodeError, previousErrors } = error;
  return [
    lastNodeError,
    ...(Array.isArray(errors) ? errors : []),
    ...(Array.isArray(previousErrors) ? previousErrors : []),
  ];
}

/**
 * For requests that must not be sent twice.
 * @returns the code of an error before anything was sent; undefined if the request may have reached the server
 */
export function neverSentCode(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > MAX_DEPTH) return undefined;
  // One per address of the host: all must have failed.
  if (error instanceof AggregateError && error.errors.length > 0) {
    const codes = error.errors.map((each) => neverSentCode(each, depth + 1));
    return codes.every((each) => each !== undefined) ? codes[0] : undefined;
  }
  return isNeverSent(error) ? codeOf(error) : neverSentCode(error.cause, depth + 1);
}

/** The system reports rejected, unreachable and timed-out also for an established connection; `syscall` is then read or write. */
function isNeverSent(error: Error & { syscall?: unknown }): boolean {
  const kind = networkErrorKind(error);
  if (kind === "dns" || kind === "certificate" || kind === "connect_timeout" || kind === "proxy") return true;
  if (kind === "refused" || kind === "unreachable") return error.syscall === undefined || error.syscall === "connect";
  return kind === "timeout" && error.syscall === "connect";
}
