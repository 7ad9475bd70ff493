// Read buffer limits of upstream connections: bytes per read, and read-ahead while the browser does not read.
import type { Socket } from "node:net";

/**
 * By default Node reads up to 64 kB into a new buffer, and a download that its browser does not read held three of them
 * (192 kB). Three chunks of this size are half of that; smaller ones cost CPU time.
 */
const READ_BYTES = 32_768;
/** Reads at most one chunk ahead. */
const HIGH_WATER_MARK = 16_384;

/** Shared by all connections: its content is copied before the next read. */
const buffer = Buffer.alloc(READ_BYTES);

/** @returns options for net.connect; none for https, since TLS records have at most 16 kB */
export function boundedReads(protocol: string) {
  if (protocol === "https:") return {};
  return {
    highWaterMark: HIGH_WATER_MARK,
    onread: {
      buffer,
      callback(this: Socket, bytes: number): boolean {
        // Outside Buffer's pool: a few bytes of an open stream would keep an 8 kB slab alive.
        const piece = Buffer.allocUnsafeSlow(bytes);
        buffer.copy(piece, 0, 0, bytes);
        return this.push(piece);
      },
    },
  };
}
