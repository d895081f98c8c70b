// Reads an X.509 certificate (RFC 5280). Trusts nothing of it: chain.js does the checks.

import {
  TAG,
  DerError,
  Reader,
  bitsOfBitString,
  boolean,
  bytesOfBitString,
  oid,
  smallInteger,
  text,
  time,
  unsigned,
  value,
} from "./der.js";
import { toBase64, toHex } from "./bytes.js";
import { distinguishedName } from "./name.js";

/** Reads a certificate in DER. Throws a `DerError` if it is none. */
export async function readCertificate(der) {
  const certificate = new Reader(value(der, TAG.SEQUENCE).content);
  const tbs = certificate.next(TAG.SEQUENCE);
  const algorithm = certificate.next(TAG.SEQUENCE).raw;
  const signature = bytesOfBitString(certificate.next(TAG.BIT_STRING));
  certificate.end();

  const fields = new Reader(tbs.content);
  const explicit = fields.optional(TAG.constructed(0));
  const version = explicit ? smallInteger(value(explicit.content, TAG.INTEGER)) + 1 : 1;
  // Cards have serial numbers that RFC 5280 forbids: negative ones, and long ones.
  const serialNumber = fields.next(TAG.INTEGER).content;
  const signed = fields.next(TAG.SEQUENCE).raw;
  const issuer = fields.next(TAG.SEQUENCE);
  const validity = fields.enter(TAG.SEQUENCE);
  const [notBefore, notAfter] = [time(validity.next()), time(validity.next())];
  validity.end();
  const subject = fields.next(TAG.SEQUENCE);
  const publicKey = fields.next(TAG.SEQUENCE).raw;
  fields.optional(TAG.primitive(1));
  fields.optional(TAG.primitive(2));
  const extensions = readExtensions(fields.optional(TAG.constructed(3)));
  fields.end();
  if (toHex(signed) !== toHex(algorithm)) throw new DerError("two signature algorithms");

  const fingerprint = new Uint8Array(await crypto.subtle.digest("SHA-256", der));
  const facts = {
    subject: distinguishedName(subject),
    issuer: distinguishedName(issuer),
    serialNumber: toHex(serialNumber.length > 1 && serialNumber[0] === 0
      ? serialNumber.subarray(1)
      : serialNumber),
    notBefore,
    notAfter,
    keyUsage: keyUsage(extensions),
    extendedKeyUsage: extendedKeyUsage(extensions),
    ...alternativeNames(extensions),
    fingerprint: `sha256:${toHex(fingerprint)}`,
    publicKey: toBase64(publicKey),
    base64: toBase64(der),
  };
  return {
    facts,
    version,
    extensions,
    issuer: issuer.raw,
    subject: subject.raw,
    publicKey: readPublicKey(publicKey),
    signed: { tbs: tbs.raw, algorithm, signature },
    basicConstraints: basicConstraints(extensions),
  };
}

/** The extensions by their OID: `{ critical, content }`. */
function readExtensions(explicit) {
  const extensions = new Map();
  if (!explicit) return extensions;
  const list = new Reader(value(explicit.content, TAG.SEQUENCE).content);
  while (!list.done) {
    const extension = list.enter(TAG.SEQUENCE);
    const id = oid(extension.next(TAG.OID));
    const flag = extension.optional(TAG.BOOLEAN);
    const { content } = extension.next(TAG.OCTET_STRING);
    extension.end();
    if (extensions.has(id)) throw new DerError(`the extension ${id} twice`);
    extensions.set(id, { critical: flag !== undefined && boolean(flag), content });
  }
  return extensions;
}

/** The key: `{ spki, algorithm, parameters, bits }`. `bits` is the size of an RSA modulus. */
function readPublicKey(spki) {
  const info = new Reader(value(spki, TAG.SEQUENCE).content);
  const identifier = info.enter(TAG.SEQUENCE);
  const algorithm = oid(identifier.next(TAG.OID));
  const parameters = identifier.tag === TAG.OID ? oid(identifier.next()) : undefined;
  const key = bytesOfBitString(info.next(TAG.BIT_STRING));
  info.end();
  const bits = algorithm === RSA ? modulusBits(key) : undefined;
  return { spki, algorithm, parameters, bits };
}

function modulusBits(key) {
  const modulus = unsigned(new Reader(value(key, TAG.SEQUENCE).content).next(TAG.INTEGER));
  return modulus.length * 8 - Math.clz32(modulus[0]) + 24;
}

/** The names of the usages; empty if the certificate does not restrict its key. */
function keyUsage(extensions) {
  const extension = extensions.get(EXTENSION.KEY_USAGE);
  if (!extension) return [];
  const bits = bitsOfBitString(value(extension.content, TAG.BIT_STRING));
  if (bits.length === 0) throw new DerError("no key usage");
  return bits.map((bit) => KEY_USAGES[bit] ?? String(bit));
}

/** The OIDs of the usages; empty if the certificate does not restrict its key. */
function extendedKeyUsage(extensions) {
  const extension = extensions.get(EXTENSION.EXTENDED_KEY_USAGE);
  if (!extension) return [];
  const list = new Reader(value(extension.content, TAG.SEQUENCE).content);
  const usages = [];
  while (!list.done) usages.push(oid(list.next(TAG.OID)));
  if (usages.length === 0) throw new DerError("no extended key usage");
  return usages;
}

/** Whether the certificate is that of an authority, and how many others may follow it. */
function basicConstraints(extensions) {
  const extension = extensions.get(EXTENSION.BASIC_CONSTRAINTS);
  if (!extension) return { ca: false, pathLength: undefined };
  const fields = new Reader(value(extension.content, TAG.SEQUENCE).content);
  const ca = fields.optional(TAG.BOOLEAN);
  const pathLength = fields.optional(TAG.INTEGER);
  fields.end();
  return { ca: !!ca && boolean(ca), pathLength: pathLength && smallInteger(pathLength) };
}

/** E-mail addresses and user principal names of the subject (RFC 5280, section 4.2.1.6). */
function alternativeNames(extensions) {
  const names = { emails: [], userPrincipalNames: [] };
  const extension = extensions.get(EXTENSION.SUBJECT_ALTERNATIVE_NAME);
  if (!extension) return names;
  const list = new Reader(value(extension.content, TAG.SEQUENCE).content);
  while (!list.done) {
    const name = list.next();
    if (name.tag === TAG.primitive(1)) {
      names.emails.push(text({ tag: 0x16, content: name.content }));
    } else if (name.tag === TAG.constructed(0)) {
      const other = new Reader(name.content);
      const type = oid(other.next(TAG.OID));
      const { content } = other.next(TAG.constructed(0));
      other.end();
      if (type === USER_PRINCIPAL_NAME) {
        const principal = text(value(content));
        if (principal === undefined) throw new DerError("a user principal name");
        names.userPrincipalNames.push(principal);
      }
    }
  }
  return names;
}

export const RSA = "1.2.840.113549.1.1.1";

export const EXTENSION = {
  KEY_USAGE: "2.5.29.15",
  SUBJECT_ALTERNATIVE_NAME: "2.5.29.17",
  BASIC_CONSTRAINTS: "2.5.29.19",
  NAME_CONSTRAINTS: "2.5.29.30",
  CERTIFICATE_POLICIES: "2.5.29.32",
  EXTENDED_KEY_USAGE: "2.5.29.37",
};

const USER_PRINCIPAL_NAME = "1.3.6.1.4.1.311.20.2.3";

/** RFC 5280, section 4.2.1.3, by the number of the bit */
const KEY_USAGES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
];
