// Makes undici ignore interim (1xx) responses of an upstream. RFC 9110 §15.2 requires clients to accept any number of
// them; undici 8.12 treats an unexpected `100 Continue` as a connection error, although the upstream processes the request.
import type { Socket } from "node:net";

const [HTAB, LF, CR, SPACE] = [0x09, 0x0a, 0x0d, 0x20];
const [ZERO, ONE, TWO, LETTER_X] = [0x30, 0x31, 0x32, 0x58];
/** Offsets of the three digits in `HTTP/1.1 100`. */
const [FIRST_DIGIT, SECOND_DIGIT, THIRD_DIGIT] = [9, 10, 11];

/**
 * Rewrites received bytes in place: status 100 becomes 102, which undici ignores, and the first letter of each header
 * name of an interim response becomes `X`, since undici's parser acts on headers such as `Connection: close`. The length
 * does not change. Bytes after the status line of the final response are not inspected.
 */
export class InterimResponses {
  #isFinal = true;
  /** After a 101 the bytes belong to another protocol. */
  #isUpgraded = false;
  /** Bytes read of the current status line; above THIRD_DIGIT: within the head of an interim response. */
  #offset = 0;
  #digits = 0;
  /** Consecutive line ends; two end the head. */
  #lineEnds = 0;

  /** Starts inspection. Call it before a request is sent. */
  expectResponse(): void {
    this.#isFinal = false;
    this.#isUpgraded = false;
    this.#offset = 0;
  }

  /** Intercepts the socket's reads; chunks may have any size. */
  attach(socket: Socket): void {
    const read = socket.read.bind(socket);
    socket.read = (size?: number) => {
      const chunk: unknown = read(size);
      if (!this.#isFinal && Buffer.isBuffer(chunk)) this.rewrite(chunk);
      if (this.#isUpgraded) Reflect.deleteProperty(socket, "read");
      return chunk;
    };
  }

  rewrite(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#isFinal; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#offset > THIRD_DIGIT) {
        if (this.#readHead(byte)) chunk[at] = LETTER_X;
      } else if (this.#readStatus(byte)) chunk[at] = TWO;
    }
  }

  /** @returns whether the byte is the last digit of status 100 */
  #readStatus(byte: number): boolean {
    // Empty lines before a status line are skipped (RFC 9112 §2.2).
    if (this.#offset === 0 && (byte === CR || byte === LF)) return false;
    const offset = this.#offset++;
    if (offset === FIRST_DIGIT && byte !== ONE) this.#isFinal = true;
    if (offset === SECOND_DIGIT) this.#digits = byte;
    if (offset !== THIRD_DIGIT) return false;
    this.#lineEnds = 0;
    if (this.#digits === ZERO && byte === ONE) this.#isFinal = this.#isUpgraded = true;
    return this.#digits === ZERO && byte === ZERO;
  }

  /** @returns whether the byte is the first letter of a header name */
  #readHead(byte: number): boolean {
    if (byte === CR) return false;
    if (byte === LF) {
      if (++this.#lineEnds === 2) this.#offset = 0;
      return false;
    }
    const isFirst = this.#lineEnds === 1 && byte !== SPACE && byte !== HTAB;
    this.#lineEnds = 0;
    return isFirst;
  }
}
