import { nextTask } from "./next_task.js";

/** Checks the signatures of one client with the certificates and keys that the page has seen. */
export class SignatureChecks {
  #loadVerifier;
  /** The base64 of certificates, and of public keys without one, by module, slot and id. */
  #seen = new Map();
  #fetched = new Map();
  /** The keys of certificates, and public keys, by their base64. */
  #keys = new Map();
  #lastPause = performance.now();

  /** @param {() => Promise<object>} loadVerifier loads the verifier of the package */
  constructor(loadVerifier) {
    this.#loadVerifier = loadVerifier;
  }

  /** The page reads the certificates in a slot. */
  note(module, slotId, certificates) {
    put(this.#seen, module, slotId, certificates);
  }

  /** The page reads the keys without a certificate in a slot. */
  noteKeys(module, slotId, keys) {
    put(this.#seen, module, slotId, keys.map(inBase64));
  }

  /**
   * Starts the check of a call of `signData`, `signDataBatch` or `authenticate`, and loads what it
   * needs while the token signs.
   *
   * @param pkcs11 reads certificates that the page has not seen
   * @returns {{ finish: (result: unknown) => Promise<unknown> }} checks the result of the call,
   *   which an error may replace; an item of a batch, too
   */
  start(module, request, pkcs11) {
    const certificate = this.#certificate(module, request, pkcs11);
    const { algorithm_reference, data, message, signature_format, challenge } = request;
    if (challenge !== undefined) return { finish: authentication(certificate, challenge) };
    const algorithm = `${algorithm_reference}`;
    const inputs = [message ?? data].flat();
    const check = (index, signature) =>
      certificate.accepts(algorithm, (key) => {
        const [input, bytes] = [fromBase64(inputs[index]), fromBase64(signature)];
        const isDer = signature_format === "der";
        return key.accepts(algorithm, input, message !== undefined, bytes, isDer);
      });
    const finish = async (result) => {
      if (!Array.isArray(result)) return (await check(0, result)) ? result : FORGED;
      for (const [index, item] of result.entries()) {
        const signature = item?.signature;
        if (signature !== undefined && !(await check(index, signature))) {
          result[index] = { ...FORGED };
        }
      }
      return result;
    };
    return { finish };
  }

  /** The certificate that a request names. */
  #certificate(module, { slot_id, cert_id }, pkcs11) {
    const id = name(module, slot_id, cert_id);
    const wasFetched = this.#fetched.has(id);
    const fetch = async () => {
      const list = isKey(cert_id)
        ? (await pkcs11.keys(slot_id)).data.map(inBase64)
        : (await pkcs11.certificates(slot_id)).data;
      put(this.#fetched, module, slot_id, list);
    };
    const ready = Promise.all([
      this.#loadVerifier(),
      this.#seen.has(id) || wasFetched ? undefined : fetch(),
    ]);
    // The token may fail first, and then nothing waits for this.
    ready.catch(() => undefined);
    const known = () => this.#seen.get(id) ?? this.#fetched.get(id);
    const isAccepted = (verifier, algorithm, check) => {
      const certificate = known();
      if (!certificate) return false;
      const key = this.#key(verifier, certificate, cert_id);
      // The verifier has no keys of ML-DSA. The bridge checks their signatures.
      return key ? check(key) : /^ml-dsa/i.test(algorithm);
    };
    /** Whether the key of the certificate passes a check. */
    const accepts = async (algorithm, check) => {
      try {
        const [verifier] = await ready;
        await this.#pause();
        if (isAccepted(verifier, algorithm, check)) return true;
        // The page has not seen the certificate. Another token may be in the slot by now, or the
        // token shows the certificate only since the login for the signature.
        if (known() && (!wasFetched || this.#seen.has(id))) return false;
        await fetch();
        return isAccepted(verifier, algorithm, check);
      } catch {
        return false;
      }
    };
    return { accepts, is: (base64) => base64 === known() };
  }

  #key(verifier, certificate, id) {
    if (!this.#keys.has(certificate)) {
      const { CertificateKey } = verifier;
      const bytes = fromBase64(certificate);
      const key = isKey(id) ? CertificateKey.ofKey(bytes, id) : CertificateKey.of(bytes);
      this.#keys.set(certificate, key);
    }
    return this.#keys.get(certificate);
  }

  /** Lets the page draw and react between the checks of a large batch. */
  async #pause() {
    if (performance.now() - this.#lastPause < BUSY) return;
    await nextTask();
    this.#lastPause = performance.now();
  }
}

/** Checks the result of `authenticate`: that it holds for this page, challenge and certificate. */
function authentication(expected, challenge) {
  return async (result) => {
    const { format, algorithm, signature, certificate } = Object(result);
    const isValid = await expected.accepts(algorithm, (key) => {
      const [question, bytes] = [fromBase64(challenge), fromBase64(signature)];
      return key.authenticates(format, algorithm, self.origin, question, bytes);
    });
    return isValid && expected.is(certificate) ? result : FORGED;
  };
}

function put(map, module, slotId, certificates) {
  for (const { id, base64 } of certificates) map.set(name(module, slotId, id), base64);
}

const name = (module, slotId, id) => JSON.stringify([module, `${slotId}`, `${id}`.toLowerCase()]);
const isKey = (id) => /^key:/i.test(id);
const inBase64 = ({ id, public_key }) => ({ id, base64: public_key });
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** How long the checks may keep the page busy, in milliseconds. */
const BUSY = 12;

/** An item of a batch, in the form that the bridge sends. */
const FORGED = {
  error: {
    code: -32000,
    message:
      "The page checked the signature, and it does not belong to the certificate and the data. " +
      "It comes from a false or faulty bridge, or another token is in the slot. Read the " +
      "certificates again. If the error stays, ask the administrator.",
    data: { status: 500, code: "900" },
  },
};
