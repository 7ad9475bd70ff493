// Request counters of one upstream. They are plain numbers; metrics are built from them when they are scraped.

export type UpstreamOutcome =
  /** The response was forwarded completely, with any status. */
  | "complete"
  /** The connection became a WebSocket. */
  | "upgraded"
  | "browser_left"
  /** The upstream aborted its response after the head. */
  | "cut"
  | "unreachable"
  | "timeout"
  /** Not sent: the circuit was open or no connection became free. */
  | "unavailable"
  /** The request body exceeded `maxBodyBytes` or was aborted by the browser. */
  | "body_rejected";

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
    body_rejected: 0,
    retries: 0,
  };
}
