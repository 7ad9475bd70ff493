// Does this text hold something that looks like a token? Rather one false alarm than one token overlooked.

const patterns = [
  // A signed or encrypted JWT: base64url of '{"', then two or four more parts.
  /\beyJ[\w-]{8,}\.[\w-]*\.[\w-]+(\.[\w-]*\.[\w-]+)?/,
  /\bBearer\s+[\w.~+/-]{16,}=*/i,
  // Opaque tokens cannot be told by their look, but by the name beside them.
  /\b(access|refresh|id)_?token["']?\s*[:=]\s*["']?[\w.~+/-]{16,}/i,
];

export function looksLikeToken(text: string): boolean {
  return patterns.some((pattern) => pattern.test(text));
}
