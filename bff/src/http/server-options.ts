// Limits of the server that browsers connect to.
import type { ServerOptions } from "node:http";

export const SERVER_OPTIONS: ServerOptions = {
  // A browser that has not sent its head by then is not a browser (slowloris, CVE-2018-12122).
  headersTimeout: 15_000,
  // Bodies may take as long as they need: uploads are streamed, and the upstream's own limits apply.
  requestTimeout: 0,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
};
