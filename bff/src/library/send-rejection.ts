// Sends a rejection by node:http or by the Fetch API.
import type { ServerResponse } from "node:http";
import { endResponse } from "../http/early-response.ts";
import type { Rejection } from "./types.ts";

/** Sends a rejection as the response of its request. */
export function sendRejection(response: ServerResponse, { status, headers, body }: Rejection): void {
  const { req: request } = response;
  response.writeHead(status, { ...headers, "content-length": String(Buffer.byteLength(body)) });
  endResponse(request, response, request.method === "HEAD" ? undefined : body);
}

/** @returns a rejection as a response of the Fetch API, for frameworks such as Hono */
export function rejectionResponse({ status, headers, body }: Rejection): Response {
  const list = new Headers();
  for (const [name, value] of Object.entries(headers)) for (const each of [value].flat()) list.append(name, each);
  return new Response(body === "" ? null : body, { status, headers: list });
}
