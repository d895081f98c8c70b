// The bytes that a key signs in `authenticate`. The documentation of the wire specifies them.

import { concat } from "./bytes.js";

/** The first bytes, without the zero byte that ends them. */
export const FORMAT = "pkcs11-bridge authenticate v1";

export function signedMessage(origin, challenge) {
  const encoder = new TextEncoder();
  return concat(encoder.encode(FORMAT), [0], sized(encoder.encode(origin)), sized(challenge));
}

function sized(bytes) {
  if (bytes.length > 0xffff) throw new TypeError("The origin or the challenge is too long.");
  return concat([bytes.length >> 8, bytes.length & 0xff], bytes);
}
