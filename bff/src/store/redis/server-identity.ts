// Whether a TLS certificate names the server that was asked for (RFC 9525), also where that is an IPv6 address.
import { X509Certificate } from "node:crypto";
import { isIPv6 } from "node:net";
import { checkServerIdentity as checkByNode, type PeerCertificate } from "node:tls";

/**
 * Node 22.23 passes the host through `domainToASCII` first, which turns an IPv6 address into nothing: it then matches no
 * certificate. For these the certificate itself is asked.
 * @returns Node's error with code ERR_TLS_CERT_ALTNAME_INVALID, or undefined
 */
export function checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  if (isIPv6(host) && new X509Certificate(certificate.raw).checkIP(host) !== undefined) return undefined;
  return checkByNode(host, certificate);
}
