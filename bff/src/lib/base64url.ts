// Strict base64url (RFC 4648 §5, §3.5): one spelling per value.

/**
 * `Buffer.from` also takes padding, the other alphabet, line ends and stray bits at the end. With that, one sealed
 * value has many spellings, and a list of used values misses all but one of them (replay).
 * @returns undefined for everything but the canonical spelling.
 */
export function decodeBase64Url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
