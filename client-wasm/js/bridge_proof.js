/**
 * The question that a program has to answer in order to prove that it is the bridge. The crate
 * documentation of the protocol specifies the proof, in "The bridge's key".
 */
export class Challenge {
  #nonce = crypto.getRandomValues(new Uint8Array(32));

  /** @param {number} port the port of the program */
  constructor(port) {
    this.port = port;
  }

  /** The request that asks it. If the page is not approved yet, the bridge may ask the user. */
  hello(id, mayAskUser) {
    const params = { nonce: toBase64(this.#nonce), ask_user: mayAskUser ? undefined : false };
    return JSON.stringify({ jsonrpc: "2.0", id, method: "hello", params });
  }

  /**
   * The fingerprint of the key that the result of `hello` proves. `undefined` if it proves none.
   *
   * @param {() => Promise<object>} [loadVerifier] for pages that have no WebCrypto, because they
   *   came over http
   */
  async provedKey(result, loadVerifier) {
    try {
      const publicKey = fromBase64(result.identity.public_key);
      const signature = fromBase64(result.identity.signature);
      const valid = await verify(publicKey, signature, this.#message(), loadVerifier);
      return valid ? await fingerprint(publicKey, loadVerifier) : undefined;
    } catch {
      // There is no proof, or the key is not a key.
      return undefined;
    }
  }

  #message() {
    const port = [this.port >> 8, this.port & 255];
    const origin = globalThis.origin ?? globalThis.location?.origin ?? "null";
    const bytes = (text) => new TextEncoder().encode(text);
    return Uint8Array.from([...bytes(PREFIX), ...this.#nonce, ...port, ...bytes(origin)]);
  }
}

async function verify(publicKey, signature, message, loadVerifier) {
  const subtle = crypto.subtle;
  if (!subtle) return (await loadVerifier()).verifyProof(publicKey, signature, message);
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const key = await subtle.importKey("spki", publicKey, curve, false, ["verify"]);
  return subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, message);
}

async function fingerprint(publicKey, loadVerifier) {
  const subtle = crypto.subtle;
  if (!subtle) return (await loadVerifier()).sha256(publicKey);
  const hash = new Uint8Array(await subtle.digest("SHA-256", publicKey));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));

const PREFIX = "pkcs11-bridge identity v1\0";
