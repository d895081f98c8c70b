// Signs many random hashes in one batch, and verifies the signatures.

import { hashOf } from "./algorithms.js";
import { chosenCertificate, chosenSlot } from "./browse.js";
import { isCancelled, isLate, isModuleFailure, isNotApproved } from "./failures.js";
import { toBase64 } from "./format.js";

// The lengths of the hashes in bytes (FIPS 180-4). Random messages are as long as the longest hash.
const LENGTHS = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 };
const MESSAGE_LENGTH = 64;
// Send only this many requests at a time, so that the page can draw in between.
const VERIFIED_AT_ONCE = 32;

export const initialBatch = {
  /** `phase`: "idle", "signing" (`asks`: the call has no PIN), "cancelling", "done" or "failed" */
  batch: { phase: "idle" },
  /** `phase`: "idle", "asking", "done" or "failed" */
  batchVerification: { phase: "idle" },
};

/**
 * @param {any} store
 * @param {{ pkcs11: (name?: string) => any, refuse: (text: string) => void }} connection
 * @param {{ refreshToken: () => Promise<unknown> | undefined, checkModules: () => unknown }} browse
 * @param {{ gaveUp: (method: string) => void }} wireLog
 */
export function createBatch(store, connection, browse, wireLog) {
  let cancelling = new AbortController();
  let newest;

  /** @param {{ count: number, takePin: () => string | undefined }} options */
  async function sign({ count, takePin }) {
    const { moduleName, algorithm, format } = store.state;
    const request = {
      slot_id: chosenSlot(store.state).slot_id,
      cert_id: chosenCertificate(store.state).id,
      algorithm_reference: algorithm,
      data: randomHashes(count, algorithm),
    };
    if (format) request.signature_format = format;
    cancelling = new AbortController();
    const { signal } = cancelling;
    const clock = startClock();
    const onProgress = ({ done, total }) => {
      clock.progress(done);
      const phase = signal.aborted ? "cancelling" : "signing";
      store.update({ batch: { phase, done, total } });
    };
    const pin = takePin();
    store.update({
      batch: { phase: "signing", total: count, asks: !pin },
      batchVerification: { phase: "idle" },
      logout: null,
    });
    newest = undefined;
    try {
      const pkcs11 = connection.pkcs11(moduleName);
      const { data: items } = await pkcs11.signDataBatch(pin ? { ...request, pin } : request, {
        signal,
        onProgress,
      });
      newest = { moduleName, request, items };
      const result = summary(items);
      store.update({
        batch: { phase: "done", ...result, ...clock.stop(count - result.cancelled) },
      });
    } catch (error) {
      failed("batch", "signDataBatch", error);
    }
    await browse.refreshToken();
  }

  /** Lets the bridge verify each signature of the last batch. */
  async function verify() {
    const { moduleName, request, items } = newest;
    const { data: hashes, ...rest } = request;
    const signed = items
      .map(({ signature }, at) => ({ ...rest, data: hashes[at], signature }))
      .filter(({ signature }) => signature);
    const pkcs11 = connection.pkcs11(moduleName);
    let valid = 0;
    try {
      for (let at = 0; at < signed.length; at += VERIFIED_AT_ONCE) {
        store.update({ batchVerification: { phase: "asking", done: at, total: signed.length } });
        const part = signed.slice(at, at + VERIFIED_AT_ONCE);
        const replies = await Promise.all(part.map((item) => pkcs11.verifySignedData(item)));
        if (newest?.items !== items) return;
        valid += replies.filter(({ data }) => data).length;
      }
      store.update({ batchVerification: { phase: "done", valid, total: signed.length } });
    } catch (error) {
      failed("batchVerification", "verifySignedData", error);
    }
  }

  function failed(key, method, error) {
    if (isLate(error)) wireLog.gaveUp(method);
    store.update({ [key]: { phase: "failed", error } });
    if (isNotApproved(error)) connection.refuse(error.description);
    if (isModuleFailure(error)) browse.checkModules();
  }

  return {
    sign,
    verify,
    cancel() {
      cancelling.abort();
      store.update({ batch: { ...store.state.batch, phase: "cancelling" } });
    },
  };
}

function randomHashes(count, algorithm) {
  const length = LENGTHS[hashOf(algorithm)] ?? MESSAGE_LENGTH;
  return Array.from({ length: count }, () =>
    toBase64(crypto.getRandomValues(new Uint8Array(length))),
  );
}

/** The counts of a batch, and its errors, with equal errors counted together. */
function summary(items) {
  const failures = items.map(({ error }) => error).filter(Boolean);
  const errors = failures.filter((error) => !isCancelled(error));
  const kinds = Map.groupBy(errors, ({ status, code, description }) =>
    [status, code, description].join(),
  );
  return {
    signatures: items.length - failures.length,
    errors: errors.length,
    cancelled: failures.length - errors.length,
    kinds: [...kinds.values()].map((same) => ({ error: same[0], count: same.length })),
  };
}

/**
 * Measures a batch. Before the first progress event, the user may still be entering the PIN. So the
 * speed counts only the time after that event.
 */
function startClock() {
  const start = performance.now();
  let first;
  return {
    progress(done) {
      first ??= { done, at: performance.now() };
    },
    stop(handled) {
      const end = performance.now();
      const { done, at } = first && first.done < handled ? first : { done: 0, at: start };
      return { ms: end - start, perSecond: ((handled - done) * 1000) / (end - at) };
    },
  };
}
