// The entry of the package. Loads the WebAssembly at the first call.

import load, * as client from "./dist/pkcs11_bridge_client.js";
import { ModuleConfig, RestException, forgetBridgeKey } from "./dist/classes.js";

export { ModuleConfig, RestException, forgetBridgeKey };

const wasm = new URL("./dist/pkcs11_bridge_client_bg.wasm", import.meta.url);
let loading;

/** Connects to the bridge on this computer. */
export async function connect(options) {
  await loaded();
  return client.connect(options, loadVerifier);
}

/** Hashes a Blob, a stream or bytes. Resolves to the hash in base64, for `signData`. */
export async function hash(source, algorithm, onProgress) {
  await loaded();
  return client.hash(source, algorithm, onProgress);
}

/** Loads what checks signatures: on the first signature, and on pages without WebCrypto. */
const loadVerifier = async () => (await import("./verifier.js")).loaded();

/** Loads the WebAssembly once. If that fails, the next call tries again. */
function loaded() {
  loading ??= load({ module_or_path: wasm }).catch((cause) => {
    loading = undefined;
    const description =
      `The WebAssembly file ${wasm} could not be loaded: ${cause?.message ?? cause}. ` +
      "Check that the server has it, and that the page's Content-Security-Policy allows " +
      "'wasm-unsafe-eval' in script-src.";
    throw new RestException(500, "900", description, undefined, { cause });
  });
  return loading;
}
