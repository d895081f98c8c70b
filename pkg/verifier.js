// Loads the WebAssembly that checks signatures. It is not a part of the entry, so that pages that
// sign nothing do not load it.

import load, * as verifier from "./dist/pkcs11_bridge_verifier.js";

const wasm = new URL("./dist/pkcs11_bridge_verifier_bg.wasm", import.meta.url);
let loading;

/** Loads it once. If that fails, the next call tries again. */
export function loaded() {
  loading ??= load({ module_or_path: wasm }).catch((cause) => {
    loading = undefined;
    throw cause;
  });
  return loading.then(() => verifier);
}
