// How much is read from an upstream's connection at a time, and ahead of a browser that does not read.
import type { Socket } from "node:net";

/**
 * Node reads up to 64 kB at a time into a buffer of its own, and a full one is kept whole: one unread download held
 * three of them (192 kB). With this it holds three pieces of half the size at most. Smaller ones cost CPU time.
 */
const READ_BYTES = 32_768;
/** At most one piece is read ahead. */
const HIGH_WATER_MARK = 16_384;

/** One for all connections: it is copied from before the next read. */
const buffer = Buffer.alloc(READ_BYTES);

/** Options for net.connect. TLS has pieces of at most 16 kB by itself. */
export function boundedReads(protocol: string) {
  if (protocol === "https:") return {};
  return {
    highWaterMark: HIGH_WATER_MARK,
    onread: {
      buffer,
      callback(this: Socket, bytes: number): boolean {
        // Not from Buffer's pool: a few bytes of an open stream would keep 8 kB of it.
        const piece = Buffer.allocUnsafeSlow(bytes);
        buffer.copy(piece, 0, 0, bytes);
        return this.push(piece);
      },
    },
  };
}
