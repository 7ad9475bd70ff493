// TLS options of an upstream row: reads and validates its certificates and key at startup.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readBytesFile } from "./setting-text.ts";
import type { UpstreamRow } from "./upstream-row.ts";

export type UpstreamTls = Readonly<{
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
}>;

type TlsKeys = Pick<UpstreamRow, "caFile" | "certFile" | "keyFile" | "serverName">;
type Fault = (key: string, message: string) => void;

/** @returns undefined if the row has no TLS options: defaults are the public CAs and the host of the base URL */
export function readTls(row: TlsKeys, fault: Fault): UpstreamTls | undefined {
  const { caFile, certFile, keyFile, serverName } = row;
  if ((certFile === undefined) !== (keyFile === undefined))
    fault(certFile === undefined ? "keyFile" : "certFile", "needs both certFile and keyFile. Set the other one too");
  const ca = read(caFile, "caFile", { fault, check: checkCertificates });
  const cert = read(certFile, "certFile", { fault, check: checkCertificates });
  const key = read(keyFile, "keyFile", { fault, check: checkKey });
  if (cert !== undefined && key !== undefined && !belongTogether(cert, key))
    fault("keyFile", "is not the private key of the certificate in certFile. Correct one of the two");
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
  return Object.keys(tls).length === 0 ? undefined : tls;
}

type Reading = { fault: Fault; check: (pem: string) => string | undefined };

function read(file: string | undefined, key: string, { fault, check }: Reading): string | undefined {
  if (file === undefined) return undefined;
  const content = readBytesFile(file);
  if ("fault" in content) {
    fault(key, content.fault);
    return undefined;
  }
  const pem = content.bytes.toString();
  const wrong = check(pem);
  if (wrong === undefined) return pem;
  fault(key, wrong);
  return undefined;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

function checkCertificates(pem: string): string | undefined {
  const found = pem.match(CERTIFICATE);
  if (found === null) return "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----). Convert it";
  try {
    for (const one of found) void new X509Certificate(one);
    return undefined;
  } catch {
    return "holds a certificate that cannot be read. Replace it";
  }
}

function checkKey(pem: string): string | undefined {
  try {
    createPrivateKey(pem);
    return undefined;
  } catch {
    return "holds no private key in PEM form without a passphrase. Convert it, and let only the gateway read it";
  }
}

function belongTogether(cert: string, key: string): boolean {
  const [leaf = ""] = cert.match(CERTIFICATE) ?? [];
  return new X509Certificate(leaf).checkPrivateKey(createPrivateKey(key));
}
