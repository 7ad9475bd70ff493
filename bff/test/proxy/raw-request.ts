// A request with exactly these header fields, in this order: several of one name, and any Host.
import { request } from "node:http";

export type RawReply = {
  status: number;
  /** Values of all `WWW-Authenticate` fields. */
  challenges: string[];
  headers: NodeJS.Dict<string | string[]>;
  /** `text` has a body that is no JSON object. */
  body: Record<string, unknown>;
};

export function rawRequest(url: string, fields: readonly [string, string][], method = "GET"): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const { hostname, port, pathname, search, host } = new URL(url);
    const hasHost = fields.some(([name]) => name.toLowerCase() === "host");
    const headers = [...(hasHost ? [] : ["host", host]), ...fields.flat()];
    const sent = request({ hostname, port, method, path: pathname + search, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        const { rawHeaders } = response;
        resolve({
          status: response.statusCode ?? 0,
          challenges: rawHeaders.filter(
            (_each, at) => rawHeaders[at - 1]?.toLowerCase() === "www-authenticate" && at % 2 === 1,
          ),
          headers: response.headers,
          body: (text.startsWith("{") ? JSON.parse(text) : { text }) as RawReply["body"],
        });
      });
    });
    sent.on("error", reject).end();
  });
}
