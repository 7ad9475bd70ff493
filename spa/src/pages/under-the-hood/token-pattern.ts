// Detects tokens in text. Prefers false positives to false negatives.

const patterns = [
  // A signed or encrypted JWT: base64url of '{"', then two or four more parts.
  /\beyJ[\w-]{8,}\.[\w-]*\.[\w-]+(\.[\w-]*\.[\w-]+)?/,
  /\bBearer\s+[\w.~+/-]{16,}=*/i,
  // Opaque tokens have no recognizable format and are detected by the name beside them.
  /\b(access|refresh|id)_?token["']?\s*[:=]\s*["']?[\w.~+/-]{16,}/i,
];

export function looksLikeToken(text: string): boolean {
  return patterns.some((pattern) => pattern.test(text));
}
