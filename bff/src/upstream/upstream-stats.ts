// What became of an upstream's requests, counted in plain numbers; they are turned into metrics only when asked for.

export type UpstreamOutcome =
  /** Answered to the end, whatever the status. */
  | "complete"
  /** Has become a WebSocket. */
  | "upgraded"
  | "browser_left"
  /** Broken off in the middle of its answer. */
  | "cut"
  | "unreachable"
  | "timeout"
  /** Not asked: left alone, or no connection was free. */
  | "unavailable"
  /** The browser's body was too large, or broke off. */
  | "body_refused";

export type UpstreamStats = Record<UpstreamOutcome, number> & { retries: number };

export function createUpstreamStats(): UpstreamStats {
  return {
    complete: 0,
    upgraded: 0,
    browser_left: 0,
    cut: 0,
    unreachable: 0,
    timeout: 0,
    unavailable: 0,
    body_refused: 0,
    retries: 0,
  };
}
