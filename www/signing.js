// Hashes, signs and verifies. It stores no PIN. If the user enters the PIN in the page, it takes
// the PIN from the field at the moment of the call.

import { hashOf } from "./algorithms.js";
import { chosenCertificate, chosenSlot } from "./browse.js";
import { isLate, isModuleFailure, isNotApproved } from "./failures.js";
import { toBase64 } from "./format.js";

// A request has at most 1 MiB, and base64 needs four characters for three bytes.
const LONGEST_MESSAGE = 700 * 1024;

export const initialSigning = {
  /** The `algorithm_reference` and, for ECDSA, the `signature_format` of the next signature. */
  algorithm: undefined,
  format: undefined,
  /** Whether the user chose to enter PINs in this page. */
  pinInPage: false,
  /** The state of the logout: "asking", "ended", "none" or "failed"; `null` before. */
  logout: null,
  /**
   * `phase`: "idle", "hashing", "signing" (`asks`: the call has no PIN), "done", "cancelled" or
   * "failed"
   */
  signing: { phase: "idle" },
  /** The last signature, with everything that is needed to verify it. */
  signed: null,
  /** `phase`: "idle", "asking", "valid", "invalid" or "failed" */
  verification: { phase: "idle" },
};

/** @typedef {{ name: string, blob: Blob, isFile: boolean }} Source */

/**
 * @param {any} store
 * @param {{ pkcs11: (name?: string) => any, refuse: (text: string) => void }} connection
 * @param {{ refreshToken: () => Promise<unknown> | undefined, checkModules: () => unknown }} browse
 * @param {{ gaveUp: (method: string) => void }} wireLog
 */
export function createSigning(store, connection, browse, wireLog) {
  let cancelling = new AbortController();

  /**
   * @param {{ source: Source, takePin: () => string | undefined }} options
   */
  async function sign({ source, takePin }) {
    const { moduleName, algorithm, format } = store.state;
    const { slot_id: slotId } = chosenSlot(store.state);
    const certificate = chosenCertificate(store.state);
    cancelling = new AbortController();
    const { signal } = cancelling;
    try {
      store.update({
        signing: { phase: "hashing", loaded: 0, total: source.blob.size },
        logout: null,
      });
      const data = await dataOf(source.blob, algorithm, signal, (loaded) => {
        store.update({ signing: { phase: "hashing", loaded, total: source.blob.size } });
      });
      const pin = takePin();
      store.update({ signing: { phase: "signing", asks: !pin } });
      const request = {
        slot_id: slotId,
        cert_id: certificate.id,
        algorithm_reference: algorithm,
        data,
      };
      if (format) request.signature_format = format;
      // The bridge shows this to the user, and says that it is only what this page claims.
      const document = { name: source.name, size: source.blob.size };
      const call = { ...request, document, ...(pin ? { pin } : {}) };
      const reply = await connection.pkcs11(moduleName).signData(call);
      store.update({
        signing: { phase: "done" },
        signed: { moduleName, certificate, request, source, signature: reply.data },
        verification: { phase: "idle" },
      });
    } catch (error) {
      if (signal.aborted) store.update({ signing: { phase: "cancelled" } });
      else failed("signing", "signData", error);
    }
    // The PIN changes the flags of the token, so read the token again.
    if (!signal.aborted) await browse.refreshToken();
  }

  async function verify({ moduleName, request, data, signature }) {
    store.update({ verification: { phase: "asking" } });
    try {
      const reply = await connection
        .pkcs11(moduleName)
        .verifySignedData({ ...request, data, signature });
      store.update({ verification: { phase: reply.data ? "valid" : "invalid" } });
    } catch (error) {
      failed("verification", "verifySignedData", error);
    }
  }

  function failed(key, method, error) {
    if (isLate(error)) wireLog.gaveUp(method);
    store.update({ [key]: { phase: "failed", error } });
    if (isNotApproved(error)) connection.refuse(error.description);
    if (isModuleFailure(error)) browse.checkModules();
  }

  async function logout() {
    const { moduleName } = store.state;
    store.update({ logout: "asking" });
    try {
      const { data } = await connection.pkcs11(moduleName).logout(chosenSlot(store.state).slot_id);
      store.update({ logout: data ? "ended" : "none" });
    } catch (error) {
      store.update({ logout: "failed" });
      failed("signing", "logout", error);
    }
  }

  return {
    sign,
    verify,
    logout,
    cancelHash: () => cancelling.abort(),
    /** Clears the outcome, because it does not apply to a changed signature. */
    forgetVerification: () => store.update({ verification: { phase: "idle" } }),
  };
}

/** The `data` of the call: the hash, or the message if the algorithm signs the message itself. */
async function dataOf(blob, algorithm, signal, onProgress) {
  const hashAlgorithm = hashOf(algorithm);
  if (!hashAlgorithm) {
    if (blob.size > LONGEST_MESSAGE) throw tooLong(algorithm);
    return toBase64(new Uint8Array(await blob.arrayBuffer()));
  }
  const { hash } = await import("pkcs11-bridge-client");
  // Unlike a Blob, a stream can be cancelled while it is hashed.
  const stream = blob.stream().pipeThrough(new TransformStream(), { signal });
  return hash(stream, hashAlgorithm, onProgress);
}

const tooLong = (algorithm) => ({
  status: 400,
  code: "801",
  description:
    `${algorithm} signs the message itself, and a request can hold about 700 KiB. ` +
    "Choose a smaller file, or a key that signs a hash.",
});
