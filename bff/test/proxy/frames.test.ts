// WebSocket frame headers are parsed at any chunk boundary.
import { expect, test } from "vitest";
import { closeFrame, createFrameReader } from "../../src/proxy/websocket/frames.ts";

function frame(opcode: number, payloadBytes: number, isMasked: boolean): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x80 | opcode;
  let length = 2;
  if (payloadBytes < 126) head[1] = payloadBytes;
  else if (payloadBytes < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(payloadBytes, 2);
    length = 4;
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(payloadBytes), 2);
    length = 10;
  }
  if (isMasked) {
    head[1]! |= 0x80;
    length += 4;
  }
  // Payload that looks like frame headers.
  return Buffer.concat([head.subarray(0, length), Buffer.alloc(payloadBytes, 0x88)]);
}

const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 100_000];
const frames = sizes.flatMap((bytes, at) => [frame(1 + (at % 2), bytes, false), frame(0x9, bytes % 126, true)]);
const stream = Buffer.concat(frames);
const opcodes = frames.map((each) => each[0]! & 0x0f);
const ends = frames.map((_each, at) => frames.slice(0, at + 1).reduce((sum, { length }) => sum + length, 0));

test.each([1, 2, 3, 7, 1_000, 65_536, stream.length])("frames are read in chunks of %d bytes", (chunkBytes) => {
  const seen: number[] = [];
  const foundEnds: number[] = [];
  const reader = createFrameReader((opcode) => seen.push(opcode));
  for (let from = 0; from < stream.length; from += chunkBytes) {
    const chunk = stream.subarray(from, from + chunkBytes);
    for (let at = 0; at < chunk.length;) {
      at = reader.readFrame(chunk, at);
      if (reader.isAtBoundary()) foundEnds.push(from + at);
    }
  }
  expect(seen).toEqual(opcodes);
  expect(foundEnds).toEqual(ends);
});

test("a Close frame is one complete frame with a reason of any length", () => {
  const whole = closeFrame(4401, "x".repeat(500));
  const reader = createFrameReader(() => {});
  expect(reader.readFrame(whole, 0)).toBe(127);
  expect(reader.isAtBoundary()).toBe(true);
  expect(closeFrame(1001, "bye")).toEqual(Buffer.from([0x88, 5, 0x03, 0xe9, 0x62, 0x79, 0x65]));
});
