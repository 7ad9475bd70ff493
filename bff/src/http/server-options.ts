// Options of the public HTTP server.
import type { ServerOptions } from "node:http";

export const SERVER_OPTIONS: ServerOptions = {
  // Slowloris (CVE-2018-12122).
  headersTimeout: 15_000,
  // No limit for bodies: uploads are streamed, with stall timeouts in their readers.
  requestTimeout: 0,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
};
