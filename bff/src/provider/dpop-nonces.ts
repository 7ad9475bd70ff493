// Nonces of DPoP proofs (RFC 9449 §8 and §9): the newest one of each server.
import { FifoCache } from "../lib/fifo-cache.ts";

export type DpopNonces = {
  /** @returns the nonce for the next proof, undefined if the server has sent none */
  of(origin: string): string | undefined;
  /** @param value of `DPoP-Nonce`; ignored unless it has the syntax of RFC 9449 §8.1 and a usual length */
  remember(origin: string, value: unknown): void;
};

const MAX_ORIGINS = 1_000;
/** A longer nonce could make the head of each request exceed the server's limit. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/;

export function createDpopNonces(): DpopNonces {
  const nonces = new FifoCache<string, string>(MAX_ORIGINS);
  return {
    of: (origin) => nonces.get(origin),
    remember(origin, value) {
      if (isDpopNonce(value) && nonces.get(origin) !== value) nonces.set(origin, value);
    },
  };
}

function isDpopNonce(value: unknown): value is string {
  return typeof value === "string" && NONCE.test(value);
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Remembers the nonces of all responses, and removes invalid ones, which would be sent back. */
export function withDpopNonces(fetch: Fetch, nonces: DpopNonces): Fetch {
  return async function fetchAndRememberNonce(url, init) {
    const response = await fetch(url, init);
    const nonce = response.headers.get("dpop-nonce");
    if (nonce === null) return response;
    if (isDpopNonce(nonce)) nonces.remember(new URL(url).origin, nonce);
    else response.headers.delete("dpop-nonce");
    return response;
  };
}
