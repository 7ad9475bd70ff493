// The number on the ticket: a nickname for the public session handle, three digits like a paper one.

export function ticketNumber(handle: string): string {
  // FNV-1a, because the handle's letters must be spread evenly; it protects nothing.
  let hash = 0x81_1c_9d_c5;
  for (const character of handle) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01_00_01_93) >>> 0;
  return String(100 + (hash % 900));
}
