import { nextTask } from "./next_task.js";

/** Checks the signatures of one client with the certificates that the page has seen. */
export class SignatureChecks {
  #loadVerifier;
  /** The base64 of certificates by module, slot and id. */
  #seen = new Map();
  #fetched = new Map();
  /** The keys of certificates by their base64. */
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

  /**
   * Starts the check of a call of `signData` or `signDataBatch`, and loads what it needs while the
   * token signs.
   *
   * @param pkcs11 reads certificates that the page has not seen
   * @returns {{ finish: (result: unknown) => Promise<unknown> }} checks the result of the call: a
   *   signature, which an error may replace, or the items of a batch
   */
  start(module, request, pkcs11) {
    const { slot_id, cert_id, algorithm_reference, data, signature_format } = request;
    const algorithm = `${algorithm_reference}`;
    const id = name(module, slot_id, cert_id);
    const wasFetched = this.#fetched.has(id);
    const fetch = async () => {
      put(this.#fetched, module, slot_id, (await pkcs11.certificates(slot_id)).data);
    };
    const ready = Promise.all([
      this.#loadVerifier(),
      this.#seen.has(id) || wasFetched ? undefined : fetch(),
    ]);
    // The token may fail first, and then nothing waits for this.
    ready.catch(() => undefined);
    const accepts = (verifier, data, signature) => {
      const certificate = this.#seen.get(id) ?? this.#fetched.get(id);
      const key = certificate && this.#key(verifier, certificate);
      const [input, bytes] = [fromBase64(data), fromBase64(signature)];
      return Boolean(key?.accepts(algorithm, input, bytes, signature_format === "der"));
    };
    const check = async (data, signature) => {
      // The verifier has no ML-DSA. The bridge checks these signatures.
      if (/^ml-dsa/i.test(algorithm)) return true;
      try {
        const [verifier] = await ready;
        await this.#pause();
        if (accepts(verifier, data, signature)) return true;
        // The page has not seen the certificate, and another token may be in the slot by now.
        if (!wasFetched || this.#seen.has(id)) return false;
        await fetch();
        return accepts(verifier, data, signature);
      } catch {
        return false;
      }
    };
    const inputs = [data].flat();
    const finish = async (result) => {
      if (!Array.isArray(result)) return (await check(inputs[0], result)) ? result : FORGED;
      for (const [index, item] of result.entries()) {
        const signature = item?.signature;
        if (signature !== undefined && !(await check(inputs[index], signature))) {
          result[index] = { ...FORGED };
        }
      }
      return result;
    };
    return { finish };
  }

  #key(verifier, certificate) {
    if (!this.#keys.has(certificate)) {
      this.#keys.set(certificate, verifier.CertificateKey.of(fromBase64(certificate)));
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

function put(map, module, slotId, certificates) {
  for (const { id, base64 } of certificates) map.set(name(module, slotId, id), base64);
}

const name = (module, slotId, id) => JSON.stringify([module, `${slotId}`, `${id}`.toLowerCase()]);
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
