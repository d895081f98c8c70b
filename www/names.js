// Reads distinguished names as RFC 4514 writes them, and the names that RFC 5280 gives to usages.

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

export const keyUsageWord = (name) => KEY_USAGE[name] ?? name;
export const extendedKeyUsageWord = (name) => EXTENDED_KEY_USAGE[name] ?? name;

/** Whether the certificate says that its key is for signatures, or says nothing of it. */
export const isForSigning = (parsed) =>
  parsed.key_usage.length === 0 || parsed.key_usage.some((name) => SIGNING_USAGES.includes(name));

/** The part of a name by which a person knows it: the common name, else the unit, else the organisation. */
export function shortName(distinguishedName) {
  const attributes = attributesOf(distinguishedName);
  for (const type of ["CN", "OU", "O"]) {
    const found = attributes.find((attribute) => attribute.type.toUpperCase() === type && attribute.value);
    if (found) return found.value;
  }
  return distinguishedName;
}

/**
 * `CN=Doe\, Jane,O=Acme` → [{ type: "CN", value: "Doe, Jane" }, { type: "O", value: "Acme" }]
 * @returns {{ type: string, value: string }[]}
 */
export function attributesOf(distinguishedName) {
  return (distinguishedName.match(/(?:\\.|[^\\,+])+/gs) ?? []).map((part) => {
    const equals = part.indexOf("=");
    return { type: part.slice(0, equals).trim(), value: unescaped(part.slice(equals + 1)) };
  });
}

// A run of \XX pairs is UTF-8, so it is decoded as a whole.
function unescaped(value) {
  return value.replace(/(?:\\[0-9A-Fa-f]{2})+|\\(.)/gs, (run, char) => {
    if (char !== undefined) return char;
    const octets = run
      .split("\\")
      .slice(1)
      .map((pair) => Number.parseInt(pair, 16));
    return new TextDecoder().decode(Uint8Array.from(octets));
  });
}
