// Finds the path from a certificate to a trusted issuer, and checks it: the part of RFC 5280,
// section 6, that logins need. What it does not know, it refuses.

import { equal } from "./bytes.js";
import { EXTENSION } from "./certificate.js";
import { DerError } from "./der.js";
import { AuthenticationError } from "./errors.js";
import { isIssuedBy } from "./signatures.js";

/** The most certificates of authorities in a path. */
const MAX_AUTHORITIES = 6;
/** The most signatures of certificates that are checked for one login. */
const MAX_CHECKS = 40;

/** Extended key usages that let a key prove an identity to a server. */
export const AUTHENTICATION_USAGES = [
  "1.3.6.1.5.5.7.3.2", // clientAuth
  "1.3.6.1.4.1.311.20.2.2", // smart-card logon of Microsoft
  "1.3.6.1.5.2.3.4", // PKINIT client
];
const ANY_USAGE = "2.5.29.37.0";

/** Extensions that may be critical, because they are checked or concern others. */
const KNOWN_EXTENSIONS = new Set([
  EXTENSION.KEY_USAGE,
  EXTENSION.SUBJECT_ALTERNATIVE_NAME,
  EXTENSION.BASIC_CONSTRAINTS,
  EXTENSION.CERTIFICATE_POLICIES,
  EXTENSION.EXTENDED_KEY_USAGE,
]);

/** Checks the user's certificate by itself. */
export function checkCertificate(certificate, usages, at) {
  checkValidity(certificate, at);
  checkExtensions(certificate);
  const { keyUsage, extendedKeyUsage } = certificate.facts;
  if (keyUsage.length > 0 && !keyUsage.includes("digitalSignature")) {
    throw wrongPurpose("Its key usage lacks digitalSignature.");
  }
  if (!allows(extendedKeyUsage, usages)) {
    throw wrongPurpose("Its extended key usage does not name client authentication.");
  }
}

/**
 * Returns the certificates from the user's to a trusted issuer. `trusted` and `intermediates` are
 * the certificates of authorities that may be used.
 */
export async function findPath(certificate, trusted, intermediates, usages, at) {
  const search = { checks: 0, problem: undefined };
  const path = await extend([certificate]);
  if (path) return path;
  if (search.problem) throw search.problem;
  const issuer = certificate.facts.issuer.text;
  const text = `No trusted authority has issued the certificate. Its issuer is ${issuer}.`;
  throw new AuthenticationError("untrusted", text);

  async function extend(path) {
    const last = path.at(-1);
    for (const authority of [...trusted, ...intermediates]) {
      if (!equal(authority.subject, last.issuer) || path.includes(authority)) continue;
      if (++search.checks > MAX_CHECKS) return undefined;
      try {
        if (!(await isIssuedBy(last, authority.publicKey))) continue;
        checkAuthority(authority, path, usages, at);
      } catch (error) {
        search.problem ??= asRefusal(error, last);
        continue;
      }
      if (trusted.includes(authority)) return [...path, authority];
      const longer = path.length < MAX_AUTHORITIES && (await extend([...path, authority]));
      if (longer) return longer;
    }
    return undefined;
  }
}

function asRefusal(error, { facts }) {
  if (error instanceof AuthenticationError) return error;
  if (!(error instanceof DerError)) throw error;
  const text = `The certificate of ${facts.subject.text} cannot be read: it has ${error.message}.`;
  return new AuthenticationError("certificate", text, { cause: error });
}

/** Checks an authority that issued the last certificate of the path. */
function checkAuthority(authority, path, usages, at) {
  const { facts, version, basicConstraints, extensions } = authority;
  const name = facts.subject.text;
  const refuse = (why) => new AuthenticationError("untrusted", `The authority ${name} ${why}.`);
  checkValidity(authority, at);
  checkExtensions(authority);
  if (version !== 3 || !basicConstraints.ca) throw refuse("is no certification authority");
  if (facts.keyUsage.length > 0 && !facts.keyUsage.includes("keyCertSign")) {
    throw refuse("must not issue certificates");
  }
  if (extensions.has(EXTENSION.NAME_CONSTRAINTS)) {
    throw refuse("has name constraints, which this package does not check");
  }
  if (!allows(facts.extendedKeyUsage, usages)) throw refuse("is not for client authentication");
  // Certificates that an authority issues to itself, for a new key, do not count.
  const below = path.slice(1).filter(({ subject, issuer }) => !equal(subject, issuer)).length;
  if (below > (basicConstraints.pathLength ?? Infinity)) {
    throw refuse("must not have so many authorities below it");
  }
}

function checkValidity({ facts }, at) {
  const { subject, notBefore, notAfter } = facts;
  if (at < notBefore) {
    const from = notBefore.toISOString();
    const text = `The certificate of ${subject.text} is valid only from ${from}.`;
    throw new AuthenticationError("not_yet_valid", text);
  }
  if (at > notAfter) {
    const text = `The certificate of ${subject.text} expired on ${notAfter.toISOString()}.`;
    throw new AuthenticationError("expired", text);
  }
}

function checkExtensions({ facts, extensions }) {
  for (const [id, { critical }] of extensions) {
    if (critical && !KNOWN_EXTENSIONS.has(id)) {
      const text =
        `The certificate of ${facts.subject.text} has the critical extension ${id}, which this ` +
        "package does not know.";
      throw new AuthenticationError("certificate", text);
    }
  }
}

/** Without the extension, a certificate is for everything. */
function allows(extendedKeyUsage, usages) {
  return (
    usages === null ||
    extendedKeyUsage.length === 0 ||
    extendedKeyUsage.some((usage) => usage === ANY_USAGE || usages.includes(usage))
  );
}

function wrongPurpose(why) {
  const text = `The certificate is not for authentication. ${why}`;
  return new AuthenticationError("wrong_purpose", text);
}
