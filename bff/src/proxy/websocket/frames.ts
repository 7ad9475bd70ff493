// WebSocket frame reader (RFC 6455 §5.2): finds frame boundaries and opcodes in a byte stream. It does not buffer, unmask
// or change payloads; libraries buffer whole messages.

export const CLOSE = 0x8;

export type FrameReader = {
  /** Whether the next byte begins a frame. Another frame can only be inserted here. */
  isAtBoundary(): boolean;
  /** Reads from offset `from` to the end of the frame or the chunk. @returns the offset after the last byte read */
  readFrame(chunk: Buffer, from: number): number;
};

/** @param onFrame called with the opcode of each frame once its header is complete */
export function createFrameReader(onFrame: (opcode: number) => void): FrameReader {
  const head = Buffer.alloc(14);
  let headBytes = 0;
  let payloadLeftBytes = 0;
  return {
    isAtBoundary: () => headBytes === 0 && payloadLeftBytes === 0,
    readFrame(chunk, from) {
      let at = from;
      while (at < chunk.length) {
        if (payloadLeftBytes > 0) {
          const skippedBytes = Math.min(payloadLeftBytes, chunk.length - at);
          payloadLeftBytes -= skippedBytes;
          at += skippedBytes;
        } else {
          head[headBytes++] = chunk[at++] ?? 0;
          if (headBytes < 2 || headBytes < headLength(head)) continue;
          headBytes = 0;
          payloadLeftBytes = payloadLength(head);
          onFrame((head[0] ?? 0) & 0x0f);
        }
        if (payloadLeftBytes === 0) return at;
      }
      return at;
    },
  };
}

function headLength(head: Buffer): number {
  const second = head[1] ?? 0;
  const lengthBytes = [126, 127].indexOf(second & 0x7f);
  return 2 + (lengthBytes === -1 ? 0 : lengthBytes === 0 ? 2 : 8) + (second & 0x80 ? 4 : 0);
}

function payloadLength(head: Buffer): number {
  const short = (head[1] ?? 0) & 0x7f;
  if (short < 126) return short;
  return short === 126 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2));
}

/** A Close frame, unmasked as servers send it. @param reason ASCII; truncated to 123 bytes */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason, "latin1").subarray(0, 123);
  const frame = Buffer.alloc(4 + text.length);
  frame[0] = 0x80 | CLOSE;
  frame[1] = 2 + text.length;
  frame.writeUInt16BE(code, 2);
  text.copy(frame, 4);
  return frame;
}
