// Rules of upstream rows with certificate-bound access tokens (RFC 8705 §3): such a token is accepted only on a TLS
// connection with the certificate that it is bound to.
import type { UpstreamConfig } from "./upstreams.ts";

/** Whether the row's requests carry a token, and with OIDC_SENDER_CONSTRAINED=mtls therefore the client certificate. */
export function sendsToken({ token }: Pick<UpstreamConfig, "token">): boolean {
  return token !== "none";
}

/** @returns one sentence for each row that cannot send certificate-bound tokens */
export function certificateBoundErrors(upstreams: readonly UpstreamConfig[]): string[] {
  return upstreams.filter(sendsToken).flatMap(({ prefix, baseUrls, tls }) => {
    const row = `OIDC_SENDER_CONSTRAINED=mtls: the upstream ${prefix}`;
    if (baseUrls.some((url) => !url.startsWith("https:")))
      return [`${row} needs an https baseUrl, because its tokens are bound to a certificate. Change it, or use dpop.`];
    if (tls?.cert !== undefined)
      return [`${row} may not have certFile and keyFile: it gets OIDC_CLIENT_CERT_FILE. Remove both.`];
    return [];
  });
}
