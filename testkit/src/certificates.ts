// Creates a CA and certificates for tests without openssl. Implements the subset of X.509 (RFC 5280) that Node accepts.
import { createSign, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { isIPv4 } from "node:net";

export type TestCertificate = { cert: string; key: string };
/** Host names and the loopback addresses 127.0.0.1 and ::1; the first one becomes the subject. */
export type TestAuthority = { cert: string; issue(...hosts: [string, ...string[]]): TestCertificate };

const tlv = (tag: number, ...parts: Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
};
const sequence = (...parts: Buffer[]) => tlv(0x30, ...parts);
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, "hex"));
const bits = (bytes: Buffer) => tlv(0x03, Buffer.from([0]), bytes);
const TRUE = tlv(0x01, Buffer.from([0xff]));
const ECDSA_SHA256 = sequence(oid("2a8648ce3d040302"));

const nameOf = (commonName: string) => sequence(tlv(0x31, sequence(oid("550403"), tlv(0x0c, Buffer.from(commonName)))));

const timeOf = (offsetDays: number) => {
  const date = new Date(Date.now() + offsetDays * 86_400_000).toISOString();
  return tlv(0x18, Buffer.from(`${date.replace(/[-:T]|\.\d+/g, "")}`));
};

const extension = (id: string, value: Buffer, ...critical: Buffer[]) =>
  sequence(oid(id), ...critical, tlv(0x04, value));

type Names = { subject: string; issuer: string; hosts?: readonly string[] };

/** RFC 5280 §4.2.1.6: dNSName [2], iPAddress [7]. */
function alternativeName(host: string): Buffer {
  if (isIPv4(host)) return tlv(0x87, Buffer.from(host.split(".").map(Number)));
  return host === "::1" ? tlv(0x87, Buffer.alloc(16).fill(1, 15)) : tlv(0x82, Buffer.from(host));
}

function certificate({ subject, issuer, hosts }: Names, publicKey: KeyObject, signer: KeyObject): string {
  const extensions =
    hosts === undefined
      ? [extension("551d13", sequence(TRUE), TRUE)]
      : [extension("551d13", sequence()), extension("551d11", sequence(...hosts.map(alternativeName)))];
  const serial = randomBytes(8);
  serial[0] = 1;
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, serial),
    ECDSA_SHA256,
    nameOf(issuer),
    sequence(timeOf(-1), timeOf(30)),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = createSign("sha256").update(body).sign(signer);
  const base64 = sequence(body, ECDSA_SHA256, bits(signature)).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)!.join("\n")}\n-----END CERTIFICATE-----\n`;
}

const newKeys = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }) as string;

export function testAuthority(name = "CA of the tests"): TestAuthority {
  const own = newKeys();
  return {
    cert: certificate({ subject: name, issuer: name }, own.publicKey, own.privateKey),
    issue(...hosts) {
      const { publicKey, privateKey } = newKeys();
      return {
        cert: certificate({ subject: hosts[0], issuer: name, hosts }, publicKey, own.privateKey),
        key: pem(privateKey),
      };
    },
  };
}
