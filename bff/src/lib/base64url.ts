// Strict base64url decoding (RFC 4648 §5, §3.5): exactly one encoding per value.

/**
 * `Buffer.from` also accepts padding, the standard alphabet, line breaks and non-zero trailing bits. One sealed value
 * would then have many encodings, and a replay check that compares encodings would miss all but one.
 * @returns undefined unless `text` is the canonical encoding
 */
export function decodeBase64Url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
