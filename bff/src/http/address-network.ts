// The network that counts as one client: an IPv6 host can use every address of its /64 (RFC 4291 §2.5.4, RFC 8981).

/** IPv4 addresses behind a translator (RFC 6052, RFC 7755) differ in the last 32 bits only. */
const TRANSLATED = "64:ff9b::";

/** @param address in canonical form, without zone. @returns an IPv4 address as it is, of an IPv6 address its /64 */
export function networkOf(address: string): string {
  if (!address.includes(":") || address.startsWith(TRANSLATED)) return address;
  const [head = "", tail] = address.split("::");
  const before = groupsOf(head);
  if (tail !== undefined) {
    const after = groupsOf(tail);
    const count = before.length + after.length + (tail.includes(".") ? 1 : 0);
    before.push(...Array.from({ length: 8 - count }, () => "0"), ...after);
  }
  return `${before.slice(0, 4).join(":")}::/64`;
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}
