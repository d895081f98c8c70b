// Checks signatures with WebCrypto: those of logins and those of certificates.

import { TAG, DerError, Reader, oid, smallInteger, unsigned, value } from "./der.js";
import { AuthenticationError } from "./errors.js";
import { RSA } from "./certificate.js";

const EC = "1.2.840.10045.2.1";
const ED25519 = "1.3.101.112";

/** The curves by their OID, and the bytes of r and of s. */
const CURVES = {
  "1.2.840.10045.3.1.7": { name: "P-256", size: 32 },
  "1.3.132.0.34": { name: "P-384", size: 48 },
  "1.3.132.0.35": { name: "P-521", size: 66 },
};

/** Shorter RSA keys can be factored, or soon can. */
const MIN_RSA_BITS = 2048;

/** The algorithms of logins: for which keys, and how WebCrypto knows them. */
const LOGIN_ALGORITHMS = {
  PS256: { key: RSA, name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  RS256: { key: RSA, name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ES256: { key: EC, name: "ECDSA", hash: "SHA-256", curve: "P-256" },
  ES384: { key: EC, name: "ECDSA", hash: "SHA-384", curve: "P-384" },
  ES512: { key: EC, name: "ECDSA", hash: "SHA-512", curve: "P-521" },
  EdDSA: { key: ED25519, name: "Ed25519" },
};

/** The signature algorithms of certificates. SHA-1 and MD5 are not among them. */
const CERTIFICATE_ALGORITHMS = {
  "1.2.840.113549.1.1.11": { key: RSA, name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  "1.2.840.113549.1.1.12": { key: RSA, name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" },
  "1.2.840.113549.1.1.13": { key: RSA, name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
  "1.2.840.10045.4.3.2": { key: EC, name: "ECDSA", hash: "SHA-256" },
  "1.2.840.10045.4.3.3": { key: EC, name: "ECDSA", hash: "SHA-384" },
  "1.2.840.10045.4.3.4": { key: EC, name: "ECDSA", hash: "SHA-512" },
  "1.3.101.112": { key: ED25519, name: "Ed25519" },
};
const RSA_PSS = "1.2.840.113549.1.1.10";

/** Whether the signature of a login is that of the key over the message. */
export async function isLoginSignature(publicKey, algorithm, signature, message) {
  const known = Object.hasOwn(LOGIN_ALGORITHMS, algorithm) && LOGIN_ALGORITHMS[algorithm];
  if (!known) throw unsupported(`the algorithm ${JSON.stringify(algorithm)}`);
  const fits = known.key === publicKey.algorithm && known.curve === curve(publicKey)?.name;
  if (!fits) throw unsupported(`${algorithm} with the key of the certificate`);
  return verify(known, publicKey, signature, message);
}

/** Whether the certificate was signed with this key. */
export async function isIssuedBy(certificate, publicKey) {
  const { tbs, algorithm, signature } = certificate.signed;
  const known = certificateAlgorithm(algorithm);
  if (known.key !== publicKey.algorithm) return false;
  const raw = known.name === "ECDSA" ? rawSignature(signature, curve(publicKey)) : signature;
  return raw !== undefined && verify(known, publicKey, raw, tbs);
}

async function verify(algorithm, publicKey, signature, message) {
  if (publicKey.bits < MIN_RSA_BITS) {
    const text = `An RSA key has ${publicKey.bits} bits; at least ${MIN_RSA_BITS} are needed.`;
    throw new AuthenticationError("weak_key", text);
  }
  const parameters = { ...algorithm, namedCurve: curve(publicKey)?.name };
  if (algorithm.key === EC && !parameters.namedCurve) throw unsupported("the curve of a key");
  try {
    const { spki } = publicKey;
    const key = await crypto.subtle.importKey("spki", spki, parameters, false, ["verify"]);
    return await crypto.subtle.verify(parameters, key, signature, message);
  } catch (cause) {
    throw unsupported(`a key or an algorithm (${algorithm.name})`, cause);
  }
}

function curve({ algorithm, parameters }) {
  return algorithm === EC && Object.hasOwn(CURVES, parameters) ? CURVES[parameters] : undefined;
}

function certificateAlgorithm(identifier) {
  const fields = new Reader(value(identifier, TAG.SEQUENCE).content);
  const id = oid(fields.next(TAG.OID));
  if (id === RSA_PSS) return pssParameters(fields.enter(TAG.SEQUENCE));
  if (Object.hasOwn(CERTIFICATE_ALGORITHMS, id)) return CERTIFICATE_ALGORITHMS[id];
  throw unsupported(`certificates that are signed with the algorithm ${id}`);
}

/** The hashes that RSASSA-PSS-params may name (RFC 4055, section 2.1) */
const HASHES = {
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};
const MGF1 = "1.2.840.113549.1.1.8";

/** RSASSA-PSS-params (RFC 4055, section 3.1). WebCrypto wants one hash for both of its uses. */
function pssParameters(fields) {
  const [hash, mask, salt, trailer] = [0, 1, 2, 3].map((number) => {
    const field = fields.optional(TAG.constructed(number));
    return field && new Reader(field.content);
  });
  fields.end();
  const hashOf = (reader) => HASHES[oid(reader.enter(TAG.SEQUENCE).next(TAG.OID))];
  const name = hash && hashOf(hash);
  const generator = mask?.enter(TAG.SEQUENCE);
  const isMgf1 = generator && oid(generator.next(TAG.OID)) === MGF1;
  if (!name || !isMgf1 || hashOf(generator) !== name || !salt || trailer) {
    throw unsupported("certificates that are signed with these parameters of RSA-PSS");
  }
  const saltLength = smallInteger(salt.next(TAG.INTEGER));
  return { key: RSA, name: "RSA-PSS", hash: name, saltLength };
}

/** r and s side by side, as WebCrypto wants them; `undefined` if the DER is no such signature. */
function rawSignature(der, of) {
  if (!of) return undefined;
  try {
    const numbers = new Reader(value(der, TAG.SEQUENCE).content);
    const [r, s] = [numbers.next(TAG.INTEGER), numbers.next(TAG.INTEGER)].map(unsigned);
    numbers.end();
    if (r.length > of.size || s.length > of.size) return undefined;
    const raw = new Uint8Array(2 * of.size);
    raw.set(r, of.size - r.length);
    raw.set(s, 2 * of.size - s.length);
    return raw;
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function unsupported(what, cause) {
  const text = `This server does not support ${what}.`;
  return new AuthenticationError("unsupported_algorithm", text, { cause });
}
