// Verifies logins with the npm package, as a server does. The file that the argument names holds a
// list of cases; the output is the list of their outcomes.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  AuthenticationError,
  createChallenge,
  verifyAuthentication,
} from "pkcs11-bridge-client/server";

/** The user's certificate, or why the login is refused. */
async function outcome({ at, trusted, ...options }) {
  if (at !== undefined) options.at = new Date(at);
  if (trusted !== undefined) options.isTrusted = ({ fingerprint }) => fingerprint === trusted;
  try {
    const { certificate, issuers, algorithm } = await verifyAuthentication(options);
    assertSameAsNode(certificate);
    issuers.forEach(assertSameAsNode);
    const names = issuers.map(({ subject }) => subject.text);
    return { subject: certificate.subject.text, issuers: names, algorithm };
  } catch (error) {
    if (error instanceof AuthenticationError) return { code: error.code, message: error.message };
    if (error instanceof TypeError) return { code: "TypeError", message: error.message };
    throw error;
  }
}

/** How versions of OpenSSL write the type of a user principal name. */
const PRINCIPAL_NAME = /othername:(ms)?UPN[:;]+(UTF8:)?/;

/** Compares what the package reads from a certificate with what Node's own reader finds. */
function assertSameAsNode(facts) {
  const certificate = new X509Certificate(Buffer.from(facts.base64, "base64"));
  const spki = certificate.publicKey.export({ type: "spki", format: "der" }).toString("base64");
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  const names = (attributes) =>
    attributes.map(({ type, value }) => `${type}=${value}`).join("\n");
  const expected = [
    [facts.fingerprint, `sha256:${fingerprint}`],
    [facts.serialNumber, certificate.serialNumber.toLowerCase()],
    [facts.publicKey, spki],
    [facts.notBefore.getTime(), Date.parse(certificate.validFrom)],
    [facts.notAfter.getTime(), Date.parse(certificate.validTo)],
    [names(facts.subject.attributes), certificate.subject],
    [names(facts.issuer.attributes), certificate.issuer],
    [facts.extendedKeyUsage.join(), (certificate.keyUsage ?? []).join()],
    [
      [
        ...facts.emails.map((name) => `email:${name}`),
        ...facts.userPrincipalNames.map((name) => `othername:UPN:${name}`),
      ].join(", "),
      (certificate.subjectAltName ?? "").replace(PRINCIPAL_NAME, "othername:UPN:"),
    ],
  ];
  for (const [read, ofNode] of expected) {
    if (read !== ofNode) throw new Error(`the package reads ${read}, and Node ${ofNode}`);
  }
}

const cases = JSON.parse(readFileSync(process.argv[2]));
const outcomes = [];
for (const one of cases) outcomes.push(await outcome(one));
const challenges = new Set(Array.from({ length: 1000 }, createChallenge));
console.log(JSON.stringify({ outcomes, challenges: challenges.size }));
