// Client certificate of upstream connections with certificate-bound access tokens (RFC 8705 §3), renewed while running.
import type { ConnectionPool } from "./connection-pool.ts";

export type CertificateFiles = { readonly cert: string; readonly key: string };

/** @returns the same object until the files have changed. @throws if they have never been valid */
export type ReadCertificate = () => CertificateFiles;

const CHECK_EVERY_MS = 1_000;

/** Reads the files at most once per second instead of at each request. */
export function throttledCertificate(
  read: ReadCertificate,
  nowMs: () => number = () => performance.now(),
): ReadCertificate {
  let last: { certificate: CertificateFiles; untilMs: number } | undefined;
  return function certificate(): CertificateFiles {
    if (last === undefined || nowMs() >= last.untilMs)
      last = { certificate: read(), untilMs: nowMs() + CHECK_EVERY_MS };
    return last.certificate;
  };
}

/**
 * A pool per certificate: a new token is never sent on a connection with the previous certificate. The previous pool
 * finishes its requests, and its connections then close as idle ones do.
 */
export function createPoolByCertificate(
  certificate: ReadCertificate,
  createPool: (files: CertificateFiles) => ConnectionPool,
): () => ConnectionPool {
  let current: { certificate: CertificateFiles; pool: ConnectionPool } | undefined;
  return function pool(): ConnectionPool {
    const files = certificate();
    if (current === undefined || current.certificate !== files)
      current = { certificate: files, pool: createPool(files) };
    return current.pool;
  };
}
