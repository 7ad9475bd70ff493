// One-time codes as a phone computes them: RFC 6238 with SHA-1, 30 seconds and 6 digits.
import { createHmac } from "node:crypto";

const PERIOD_SECONDS = 30;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** @param secret base32, spaces allowed: as it is shown to a person who cannot scan the picture */
export function oneTimeCode(secret: string, atMs: number = Date.now()): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(atMs / 1000 / PERIOD_SECONDS)));
  const mac = createHmac("sha1", fromBase32(secret)).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0xf;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** The code after this one: where the present one is spent already, and the server takes a neighbour. */
export function nextOneTimeCode(secret: string): string {
  return oneTimeCode(secret, Date.now() + PERIOD_SECONDS * 1000);
}

export function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const character of text.replace(/[\s=]/g, "").toUpperCase()) {
    const index = ALPHABET.indexOf(character);
    if (index === -1) throw new Error("not base32");
    value = ((value << 5) | index) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >> bits) & 0xff);
    }
  }
  return Buffer.from(bytes);
}
