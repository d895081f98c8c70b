// Parses distinguished names (RFC 4514). Translates key usages (RFC 5280).

const KEY_USAGE = {
  digitalSignature: "Digital signature",
  nonRepudiation: "Non-repudiation",
  keyEncipherment: "Key encipherment",
  dataEncipherment: "Data encipherment",
  keyAgreement: "Key agreement",
  keyCertSign: "Certificate signing",
  cRLSign: "CRL signing",
  encipherOnly: "Encipher only",
  decipherOnly: "Decipher only",
};

const EXTENDED_KEY_USAGE = {
  anyExtendedKeyUsage: "Any purpose",
  serverAuth: "TLS server",
  clientAuth: "TLS client",
  codeSigning: "Code signing",
  emailProtection: "E-mail protection",
  timeStamping: "Time stamping",
  OCSPSigning: "OCSP signing",
  documentSigning: "Document signing",
};

const SIGNING_USAGES = ["digitalSignature", "nonRepudiation"];
// The last is the smart-card logon of Microsoft.
const LOGIN_USAGES = ["clientAuth", "serverAuth", "1.3.6.1.4.1.311.20.2.2"];

export const keyUsageWord = (name) => KEY_USAGE[name] ?? name;
export const extendedKeyUsageWord = (name) => EXTENDED_KEY_USAGE[name] ?? name;

/** Whether the certificate allows its key to sign, or does not restrict the key. */
export const isForSigning = ({ key_usage: usage }) =>
  !usage?.length || usage.some((name) => SIGNING_USAGES.includes(name));

/**
 * Whether the key is probably for log-ins, so that the bridge signs no data with it. The page only
 * chooses by this which certificate it shows first. The bridge decides.
 */
export const isForLogin = ({ key_usage: usage, extended_key_usage: extended }) =>
  !usage?.includes("nonRepudiation") &&
  Boolean(extended?.length) &&
  extended.every((name) => LOGIN_USAGES.includes(name));

/** The short form of a name: the common name, the unit, or the organisation. */
export function shortName(distinguishedName) {
  const attributes = attributesOf(distinguishedName);
  for (const type of ["CN", "OU", "O"]) {
    const found = attributes.find(
      (attribute) => attribute.type.toUpperCase() === type && attribute.value,
    );
    if (found) return found.value;
  }
  return distinguishedName;
}

/**
 * `CN=Doe\, Jane,O=Acme` → [{ type: "CN", value: "Doe, Jane" }, { type: "O", value: "Acme" }]
 * @returns {{ type: string, value: string }[]}
 */
export function attributesOf(distinguishedName) {
  return (distinguishedName?.match(/(?:\\.|[^\\,+])+/gs) ?? []).map((part) => {
    const equals = part.indexOf("=");
    return { type: part.slice(0, equals).trim(), value: unescaped(part.slice(equals + 1)) };
  });
}

// A sequence of \XX pairs is UTF-8, so decode it as a whole.
function unescaped(value) {
  return value.replace(/(?:\\[0-9A-Fa-f]{2})+|\\(.)/gs, (run, char) => {
    if (char !== undefined) return char;
    const bytes = run
      .split("\\")
      .slice(1)
      .map((pair) => Number.parseInt(pair, 16));
    return new TextDecoder().decode(Uint8Array.from(bytes));
  });
}
