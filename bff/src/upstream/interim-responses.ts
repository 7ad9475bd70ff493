// Interim responses of an upstream (RFC 9110 §15.2). A client must be able to read any number of them, also unexpected
// ones; undici 8.12 takes a `100 Continue` for a broken connection, although the upstream carries out the request.
import type { Socket } from "node:net";

const [HTAB, LF, CR, SPACE] = [0x09, 0x0a, 0x0d, 0x20];
const [ZERO, ONE, TWO, LETTER_X] = [0x30, 0x31, 0x32, 0x58];
/** Offsets of the three digits in `HTTP/1.1 100`. */
const [FIRST_DIGIT, SECOND_DIGIT, THIRD_DIGIT] = [9, 10, 11];

/**
 * Renames `100 Continue` to 102, which undici ignores as it should. Also renames the header fields of every interim
 * response: they mean nothing, but undici's parser acts on them (`Connection: close`). Bytes change, lengths do not; what
 * follows the final response's status line is never looked at.
 */
export class InterimResponses {
  #isFinal = true;
  /** After a 101 the bytes are another protocol's. */
  #isOver = false;
  /** Bytes of a status line seen; past the digits of an interim response: within its head. */
  #offset = 0;
  #digits = 0;
  /** Line ends seen in a row; two end a head. */
  #lineEnds = 0;

  /** To be called when a request is about to be sent: a response is to follow. */
  expect(): void {
    this.#isFinal = false;
    this.#isOver = false;
    this.#offset = 0;
  }

  /** Reads through this from now on; bytes may come in pieces of any size. */
  watch(socket: Socket): void {
    const read = socket.read.bind(socket);
    socket.read = (size?: number) => {
      const chunk: unknown = read(size);
      if (!this.#isFinal && Buffer.isBuffer(chunk)) this.rename(chunk);
      if (this.#isOver) Reflect.deleteProperty(socket, "read");
      return chunk;
    };
  }

  /** Changes the bytes in place. */
  rename(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#isFinal; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#offset > THIRD_DIGIT) {
        if (this.#readHead(byte)) chunk[at] = LETTER_X;
      } else if (this.#readStatus(byte)) chunk[at] = TWO;
    }
  }

  /** @returns whether this is the last digit of a 100 */
  #readStatus(byte: number): boolean {
    // Empty lines before a status line are skipped (RFC 9112 §2.2).
    if (this.#offset === 0 && (byte === CR || byte === LF)) return false;
    const offset = this.#offset++;
    if (offset === FIRST_DIGIT && byte !== ONE) this.#isFinal = true;
    if (offset === SECOND_DIGIT) this.#digits = byte;
    if (offset !== THIRD_DIGIT) return false;
    this.#lineEnds = 0;
    if (this.#digits === ZERO && byte === ONE) this.#isFinal = this.#isOver = true;
    return this.#digits === ZERO && byte === ZERO;
  }

  /** @returns whether this is the first letter of a field's name */
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
