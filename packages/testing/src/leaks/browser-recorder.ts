// Records what a browser context exposes during a test: console lines, script errors, addresses, WebSocket frames, and the
// responses of origins that no recording proxy covers.
import type { BrowserContext, ConsoleMessage, Page, Response, WebSocket } from "@playwright/test";
import type { Exchange, SearchedText } from "./exchange.ts";

export type BrowserRecord = {
  /** Each line with the logged values in full: Chromium shortens long ones in the line's text. */
  readonly console: Promise<string>[];
  readonly scriptErrors: string[];
  /** The address of every request and every document, fragments included. */
  readonly addresses: Set<string>;
  readonly exchanges: PendingExchange[];
  /** By connection and direction, in order. */
  readonly frames: Map<string, string[]>;
};

type PendingExchange = { name: string; exchange: Promise<Exchange | undefined> };

export type RecordOptions = {
  /** Whether the responses to a URL are recorded. */
  recordsResponse: (url: string) => boolean;
  /** Origin of the gateway, whose URLs are recorded without it. */
  origin: string;
};

/** A response that is still open at the search, such as an event stream, is not waited for longer. */
const OPEN_RESPONSE_MS = 1_000;

export function recordContext(context: BrowserContext, { recordsResponse, origin }: RecordOptions): BrowserRecord {
  const record: BrowserRecord = {
    ...{ console: [], scriptErrors: [], addresses: new Set<string>() },
    ...{ exchanges: [], frames: new Map<string, string[]>() },
  };
  const watchPage = (page: Page): void => {
    page.on("framenavigated", (frame) => record.addresses.add(frame.url()));
    page.on("websocket", (socket) => recordFrames(socket, record));
  };
  context.on("console", (message) => record.console.push(wholeLine(message)));
  context.on("weberror", (error) => record.scriptErrors.push(String(error.error())));
  context.on("request", (request) => record.addresses.add(request.url()));
  context.on("response", (response) => {
    const url = response.url();
    if (!recordsResponse(url)) return;
    const name = `${response.request().method()} ${url.split("?")[0]}`;
    record.exchanges.push({ name, exchange: readExchange(response, origin) });
  });
  context.on("page", watchPage);
  for (const page of context.pages()) watchPage(page);
  return record;
}

async function wholeLine(message: ConsoleMessage): Promise<string> {
  // Chromium discards the logged values of a page that was left.
  const values = message.args().map((value) => value.jsonValue().catch(() => "gone"));
  return JSON.stringify([message.type(), message.text(), await Promise.all(values)]);
}

function recordFrames(socket: WebSocket, { frames }: BrowserRecord): void {
  const path = socket.url().split("?")[0] ?? "";
  const add = (direction: string) => {
    const name = `WebSocket ${path}, ${direction} frames`;
    return ({ payload }: { payload: string | Buffer }) => {
      const list = frames.get(name) ?? [];
      frames.set(name, list);
      list.push(typeof payload === "string" ? payload : payload.toString("latin1"));
    };
  };
  socket.on("framereceived", add("received"));
  socket.on("framesent", add("sent"));
}

/** @returns undefined if the browser has discarded the response */
async function readExchange(response: Response, origin: string): Promise<Exchange | undefined> {
  const request = response.request();
  const status = response.status();
  try {
    const [sent, received] = await Promise.all([request.headersArray(), response.headersArray()]);
    const body = status >= 300 && status < 400 ? "" : await response.text();
    return {
      method: request.method(),
      url: response.url().startsWith(`${origin}/`) ? response.url().slice(origin.length) : response.url(),
      requestHeaders: sent.filter(isSearched).map(lineOf).join("\n"),
      requestBody: () => request.postDataBuffer()?.toString("latin1") ?? "",
      status,
      headers: received.map(({ name, value }) => [name, value]),
      body: () => body,
    };
  } catch {
    return undefined;
  }
}

type Header = { name: string; value: string };
const isSearched = ({ name }: Header): boolean => name.toLowerCase() !== "cookie";
const lineOf = ({ name, value }: Header): string => `${name}: ${value}`;

/** @returns the recorded exchanges, and the names of those whose body could not be read */
export async function recordedExchanges(record: BrowserRecord): Promise<{ exchanges: Exchange[]; unread: string[] }> {
  const read = await Promise.all(
    record.exchanges.map(async ({ name, exchange }) => ({ name, exchange: await withTimeout(exchange) })),
  );
  return {
    exchanges: read.flatMap(({ exchange }) => exchange ?? []),
    unread: read.filter(({ exchange }) => exchange === undefined).map(({ name }) => name),
  };
}

async function withTimeout<T>(promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, OPEN_RESPONSE_MS, undefined)));
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

/** @param origin of the gateway; addresses of other origins and callbacks are not searched */
export async function textsOfRecord(record: BrowserRecord, origin: string): Promise<SearchedText[]> {
  const lines = await Promise.all(record.console);
  const gatewayAddresses = [...record.addresses].filter(
    (address) => address.startsWith(origin) && !address.includes("/bff/callback"),
  );
  return [
    ...lines.map((text) => ({ location: "console", text })),
    { location: "console", text: lines.join("\n") },
    ...record.scriptErrors.map((text) => ({ location: "script error", text })),
    ...gatewayAddresses.map((text) => ({ location: "address", text })),
    // A secret may be split across frames.
    ...[...record.frames].map(([location, frames]) => ({ location, text: frames.join("") })),
  ];
}
