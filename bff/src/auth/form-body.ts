// Reads a small form body with limits on size and time.
import type { IncomingMessage } from "node:http";
import { readSmallBody, type SmallBodyOptions } from "../http/small-body.ts";

const FORM = ["application/x-www-form-urlencoded"];

/** @throws GatewayError request_malformed | payload_too_large */
export async function readForm(
  request: IncomingMessage,
  options: Pick<SmallBodyOptions, "maxBytes" | "waiting">,
): Promise<URLSearchParams> {
  const { text } = await readSmallBody(request, { types: FORM, ...options });
  return new URLSearchParams(text);
}
