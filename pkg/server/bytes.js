// Bytes, base64 and PEM.

/** Decodes base64 with or without padding. Returns `undefined` if the text is not base64. */
export function fromBase64(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

export function toBase64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function equal(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** The certificates in a PEM text, or the one in DER. */
export function certificatesOf(source) {
  if (source instanceof ArrayBuffer) return [new Uint8Array(source)];
  if (ArrayBuffer.isView(source)) {
    return [new Uint8Array(source.buffer, source.byteOffset, source.byteLength)];
  }
  if (typeof source !== "string") {
    throw new TypeError("A certificate has to be PEM text, or DER in a Uint8Array.");
  }
  const blocks = source.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g);
  const certificates = Array.from(blocks, ([, body]) => fromBase64(body.replace(/\s/g, "")));
  if (certificates.length === 0 || certificates.includes(undefined)) {
    throw new TypeError("The text has no certificate in PEM: -----BEGIN CERTIFICATE-----");
  }
  return certificates;
}
