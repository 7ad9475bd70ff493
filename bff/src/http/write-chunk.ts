// Writes a chunk of a response with back-pressure: the source is paused while the browser does not read.
import type { ServerResponse } from "node:http";

type Source = { pause(): void; resume(): void };

/** @param stalledReaderMs a browser that reads nothing for this time is disconnected */
export function writeChunk(response: ServerResponse, chunk: Buffer, source: Source, stalledReaderMs: number): void {
  if (response.write(chunk)) return;
  source.pause();
  response.socket?.setTimeout(stalledReaderMs);
  response.once("drain", () => {
    response.socket?.setTimeout(0);
    source.resume();
  });
}
