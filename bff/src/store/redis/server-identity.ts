// TLS server identity check (RFC 9525) that also works for IPv6 addresses.
import { X509Certificate } from "node:crypto";
import { isIPv6 } from "node:net";
import { checkServerIdentity as checkByNode, type PeerCertificate } from "node:tls";

/**
 * Node 22.23 passes the host through `domainToASCII`, which returns "" for an IPv6 address, so that it matches no
 * certificate. IPv6 addresses are therefore checked with X509Certificate.checkIP.
 * @returns Node's error with code ERR_TLS_CERT_ALTNAME_INVALID, or undefined
 */
export function checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  if (isIPv6(host) && new X509Certificate(certificate.raw).checkIP(host) !== undefined) return undefined;
  return checkByNode(host, certificate);
}
