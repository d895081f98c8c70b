import { nextTask } from "./next_task.js";

/** Checks the signatures of one client with the certificates that the page has seen. */
export class SignatureChecks {
  #loadVerifier;
  #fetch;
  /** The base64 of certificates by module, slot and id. */
  #seen = new Map();
  #fetched = new Map();
  /** The keys of certificates by their base64. */
  #keys = new Map();
  #lastPause = performance.now();

  /**
   * @param {() => Promise<object>} loadVerifier loads the verifier of the package
   * @param {(module: string | undefined, slotId: unknown) => Promise<object[]>} fetch reads the
   *   certificates in a slot
   */
  constructor(loadVerifier, fetch) {
    this.#loadVerifier = loadVerifier;
    this.#fetch = fetch;
  }

  /** The page reads the certificates in a slot. */
  note(module, slotId, certificates) {
    put(this.#seen, module, slotId, certificates);
  }

  /**
   * Starts the checks for a call of `signData` or `signDataBatch`, and loads what they need while
   * the token signs. Returns a function that checks one signature of the result.
   */
  start(module, { slot_id, cert_id, algorithm_reference, data, signature_format }) {
    const algorithm = `${algorithm_reference}`;
    // The verifier has no ML-DSA. The bridge checks these signatures.
    if (/^ml-dsa/i.test(algorithm)) return async () => true;
    const id = name(module, slot_id, cert_id);
    const inputs = [data].flat();
    const wasFetched = this.#fetched.has(id);
    const fetch = async () => {
      put(this.#fetched, module, slot_id, await this.#fetch(module, slot_id));
    };
    const ready = Promise.all([
      this.#loadVerifier(),
      this.#seen.has(id) || wasFetched ? undefined : fetch(),
    ]);
    // The token may fail first, and then nothing waits for this.
    ready.catch(() => undefined);
    const accepts = (verifier, index, signature) => {
      const certificate = this.#seen.get(id) ?? this.#fetched.get(id);
      const [input, bytes] = [inputs[index], signature].map(fromBase64);
      const key = certificate && this.#key(verifier, certificate);
      return Boolean(key?.accepts(algorithm, input, bytes, signature_format === "der"));
    };
    return async (index, signature) => {
      try {
        const [verifier] = await ready;
        await this.#pause();
        if (accepts(verifier, index, signature)) return true;
        // The page has not seen the certificate, and another token may be in the slot by now.
        if (!wasFetched || this.#seen.has(id)) return false;
        await fetch();
        return accepts(verifier, index, signature);
      } catch {
        return false;
      }
    };
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
