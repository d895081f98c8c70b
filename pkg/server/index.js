// The server's side of `authenticate`: makes challenges, and checks what the bridge answers. Runs
// wherever WebCrypto is: in Node from 20, Deno, Bun, workers and browsers. It loads no WebAssembly.

import { certificatesOf, fromBase64, toBase64 } from "./bytes.js";
import { readCertificate } from "./certificate.js";
import { AUTHENTICATION_USAGES, checkCertificate, findPath } from "./chain.js";
import { DerError } from "./der.js";
import { AuthenticationError } from "./errors.js";
import { FORMAT, signedMessage } from "./message.js";
import { isLoginSignature } from "./signatures.js";

export { AuthenticationError };

/** Makes a challenge: 32 random bytes in base64. */
export function createChallenge() {
  return toBase64(crypto.getRandomValues(new Uint8Array(32)));
}

/** Checks the answer to a challenge. Resolves to the user's certificate, or rejects. */
export async function verifyAuthentication(options) {
  const {
    response,
    challenge,
    origin,
    trustedIssuers,
    intermediates = [],
    isTrusted,
    extendedKeyUsage = AUTHENTICATION_USAGES,
    at = new Date(),
  } = options;
  const message = signedMessage(checkedOrigin(origin), checkedChallenge(challenge));
  if (!trustedIssuers && !isTrusted) {
    throw new TypeError("Pass `trustedIssuers`, `isTrusted`, or both: whose users may log in?");
  }
  if (!(at instanceof Date) || Number.isNaN(at.getTime())) {
    throw new TypeError("`at` has to be a valid Date.");
  }
  const trusted = await authorities("trustedIssuers", trustedIssuers ?? []);
  const others = await authorities("intermediates", intermediates);

  const { algorithm, signature, der } = parts(response);
  const certificate = await userCertificate(der);
  if (!(await isLoginSignature(certificate.publicKey, algorithm, signature, message))) {
    const text =
      "The signature does not fit. It may be for another challenge or site, or by another key.";
    throw new AuthenticationError("wrong_signature", text);
  }
  checkCertificate(certificate, extendedKeyUsage, at);
  const path = trustedIssuers
    ? await findPath(certificate, trusted, others, extendedKeyUsage, at)
    : [certificate];
  const result = {
    certificate: certificate.facts,
    issuers: path.slice(1).map(({ facts }) => facts),
    algorithm,
  };
  if (isTrusted && (await isTrusted(result.certificate, result.issuers)) !== true) {
    throw new AuthenticationError("rejected", "`isTrusted` did not accept the certificate.");
  }
  return result;
}

/** The origin as browsers send it, because that is what the bridge signs. */
function checkedOrigin(origin) {
  const isOrigin =
    typeof origin === "string" &&
    /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/.test(origin) &&
    (!/^https?:/.test(origin) || (URL.canParse(origin) && new URL(origin).origin === origin));
  if (isOrigin) return origin;
  throw new TypeError("`origin` has to be that of your pages, such as https://app.example.");
}

function checkedChallenge(challenge) {
  const bytes = fromBase64(challenge);
  if (bytes && bytes.length >= 16 && bytes.length <= 1024) return bytes;
  const text = "`challenge` has to be 16 to 1024 bytes in base64, as createChallenge makes it.";
  throw new TypeError(text);
}

/** The parts of the page's response, which may be anything. */
function parts(response) {
  const { format, algorithm, signature, certificate } = Object(response);
  if (format !== FORMAT) {
    throw malformed(`it has no format "${FORMAT}". Pass the data of \`authenticate\``);
  }
  const [signatureBytes, der] = [signature, certificate].map(fromBase64);
  if (typeof algorithm !== "string" || !signatureBytes || !der || der.length > MAX_CERTIFICATE) {
    throw malformed("`algorithm`, `signature` or `certificate` is missing or malformed");
  }
  return { algorithm, signature: signatureBytes, der };
}

function malformed(why) {
  return new AuthenticationError("malformed_response", `The response cannot be used: ${why}.`);
}

async function userCertificate(der) {
  try {
    return await readCertificate(der);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    const text = `The certificate cannot be read: it has ${cause.message}.`;
    throw new AuthenticationError("certificate", text, { cause });
  }
}

/** The certificates of authorities that the server has chosen. */
async function authorities(name, sources) {
  if (!Array.isArray(sources)) throw new TypeError(`\`${name}\` has to be an array.`);
  try {
    return await Promise.all(sources.flatMap(certificatesOf).map(readCertificate));
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new TypeError(`A certificate in \`${name}\` cannot be read: it has ${cause.message}.`);
  }
}

/** Far more than any real certificate has. */
const MAX_CERTIFICATE = 64 * 1024;
