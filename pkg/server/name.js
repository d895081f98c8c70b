// Distinguished names, as attributes and as text (RFC 4514).

import { TAG, Reader, oid, text, value } from "./der.js";
import { toHex } from "./bytes.js";

/** The name: `{ text, attributes: [{ type, value }] }`, in the order of the certificate. */
export function distinguishedName(name) {
  const attributes = [];
  const parts = [];
  const sequence = new Reader(name.content);
  while (!sequence.done) {
    const set = sequence.enter(TAG.SET);
    const part = [];
    do {
      const attribute = set.enter(TAG.SEQUENCE);
      const type = oid(attribute.next(TAG.OID));
      const read = attribute.next();
      attribute.end();
      const string = text(read);
      const known = TYPES[type] ?? type;
      attributes.push({ type: known, value: string ?? `#${toHex(read.raw)}` });
      part.push(`${known}=${string === undefined ? `#${toHex(read.raw)}` : escape(string)}`);
    } while (!set.done);
    parts.push(part.join("+"));
  }
  return { text: parts.reverse().join(","), attributes };
}

/** RFC 4514, section 2.4 */
function escape(string) {
  return string
    .replace(/[\\"+,;<>]/g, "\\$&")
    .replace(/\0/g, "\\00")
    .replace(/^[ #]/, "\\$&")
    .replace(/ $/, "\\ ");
}

/** The short names of RFC 4519, RFC 2985 and ETSI EN 319 412-1 */
const TYPES = {
  "2.5.4.3": "CN",
  "2.5.4.4": "SN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "street",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.12": "title",
  "2.5.4.42": "givenName",
  "2.5.4.46": "dnQualifier",
  "2.5.4.65": "pseudonym",
  "2.5.4.97": "organizationIdentifier",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};
