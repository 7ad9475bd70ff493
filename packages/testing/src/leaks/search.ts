// Search for secrets in texts: as they are, percent-encoded, escaped (JSON, HTML), in base64 at any alignment, in hex, and in
// pieces. Every fragment of at least 39 characters is found, since it contains a whole block of the index.
import type { SearchedText } from "./exchange.ts";
import type { Secret } from "./secrets.ts";

/** `form`: how the secret is spelt at the location. A report never contains the secret itself. */
export type Leak = { kind: string; location: string; form: string };

type Encoding = "plain" | "base64" | "hex";
type Block = { secret: Secret; encoding: Encoding };
type Spelling = { form: string; text: string };

const BLOCK_CHARS = 20;
/** Runs of the characters of base64, base64url and hex. Text between them cannot contain a block. */
const RUNS = /[A-Za-z0-9+/_-]{20,}/g;
const MAX_PERCENT_DECODINGS = 3;

export function findLeaks(secrets: readonly Secret[], texts: readonly SearchedText[]): Leak[] {
  const search = createSearch(secrets);
  return texts.flatMap(search);
}

/** @returns a search of one text; each secret is reported at most once per text */
export function createSearch(secrets: readonly Secret[]): (searched: SearchedText) => Leak[] {
  const blocks = indexBlocks(secrets);
  const short = secrets.filter(({ text }) => text.length < BLOCK_CHARS && text !== "");
  const jwtOf = new Map(secrets.filter(isJwt).flatMap((jwt) => jwt.text.split(".").map((part) => [part, jwt])));
  return ({ location, text }) => {
    const found = new Map<Secret, Leak>();
    const report = (secret: Secret, form: string): void => {
      if (!found.has(secret)) found.set(secret, { kind: secret.kind, location, form });
    };
    for (const spelling of spellingsOf(text)) {
      for (const secret of short) if (spelling.text.includes(secret.text)) report(secret, spelling.form);
      for (const { secret, encoding } of blocksIn(spelling.text, blocks)) {
        const jwt = jwtOf.get(secret.text);
        if (jwt !== undefined && spelling.text.includes(jwt.text)) report(jwt, spelling.form);
        const isWhole = encoding === "plain" && spelling.text.includes(secret.text);
        const parts = [encoding === "plain" ? "" : encoding, isWhole || encoding !== "plain" ? "" : "a part of it"];
        report(secret, [spelling.form, ...parts].filter(Boolean).join(", "));
      }
    }
    return [...found.values()];
  };
}

/** The header of a JWT is not secret; payload and signature are secrets of their own. */
const isJwt = ({ text }: Secret): boolean => text.startsWith("eyJ") && text.split(".").length === 3;

function indexBlocks(secrets: readonly Secret[]): ReadonlyMap<string, Block> {
  const blocks = new Map<string, Block>();
  for (const secret of secrets)
    if (!isJwt(secret))
      for (const [encoding, encoded] of encodingsOf(secret.text))
        for (const block of blocksOf(encoded)) if (!blocks.has(block)) blocks.set(block, { secret, encoding });
  return blocks;
}

function encodingsOf(secret: string): [Encoding, string][] {
  const hex = Buffer.from(secret).toString("hex");
  return [
    ["plain", secret],
    ["hex", hex],
    ["hex", hex.toUpperCase()],
    ...[0, 1, 2].map((offset): [Encoding, string] => ["base64", base64At(secret, offset)]),
  ];
}

/** The base64 characters of a secret that begins `offset` bytes after a multiple of three, without those at its ends that
 * also depend on the bytes around it. */
function base64At(secret: string, offset: number): string {
  const encoded = Buffer.from("\0".repeat(offset) + secret).toString("base64url");
  return encoded.slice(offset === 0 ? 0 : offset + 1, -4);
}

function blocksOf(text: string): string[] {
  const normalized = toBase64Url(text);
  const count = Math.floor(normalized.length / BLOCK_CHARS);
  return Array.from({ length: count }, (_each, at) => normalized.slice(at * BLOCK_CHARS, (at + 1) * BLOCK_CHARS));
}

function blocksIn(text: string, blocks: ReadonlyMap<string, Block>): Set<Block> {
  const found = new Set<Block>();
  for (const [run] of text.matchAll(RUNS)) {
    const normalized = toBase64Url(run);
    for (let at = 0; at + BLOCK_CHARS <= normalized.length; at += 1) {
      const block = blocks.get(normalized.slice(at, at + BLOCK_CHARS));
      if (block !== undefined) found.add(block);
    }
  }
  return found;
}

const toBase64Url = (text: string): string => text.replaceAll("+", "-").replaceAll("/", "_");

/** The text as it is first, so that a report names the simplest form. */
function spellingsOf(text: string): Spelling[] {
  const spellings: Spelling[] = [{ form: "as it is", text }];
  const add = (form: string, spelt: string) => {
    if (spellings.every((each) => each.text !== spelt)) spellings.push({ form, text: spelt });
  };
  let decoded = text;
  for (let times = 0; times < MAX_PERCENT_DECODINGS && decoded.includes("%"); times += 1) {
    decoded = percentDecoded(decoded);
    add("percent-encoded", decoded);
  }
  if (text.includes("\\")) add("escaped", unescaped(text));
  if (text.includes("&#")) add("as HTML entities", withoutEntities(text));
  add("in pieces", joined(text));
  return spellings;
}

function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) =>
    Buffer.from(encoded.replaceAll("%", ""), "hex").toString("utf8"),
  );
}

/** Escapes of JSON and JavaScript. */
function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(\/))/gi, (_all, unicode?: string, hex?: string) => {
    const code = unicode ?? hex;
    return code === undefined ? "/" : String.fromCharCode(Number.parseInt(code, 16));
  });
}

function withoutEntities(text: string): string {
  return text.replace(/&#(?:x([0-9a-f]{1,6})|(\d{1,7}));/gi, (all, hex?: string, decimal?: string) => {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10_ffff ? String.fromCodePoint(code) : all;
  });
}

/** Without what separates the pieces: `data:` of server-sent events, white space, NUL bytes of UTF-16, quotes and commas of lists. */
function joined(text: string): string {
  return text.replace(/(?:^|\r?\n)data: ?/g, "").replace(/[\s"'`,\0\\]+/g, "");
}
