// Prints the size of the WebAssembly, raw and compressed: for people, or with --json for programs.

import { readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const FILE = "dist/pkcs11_bridge_client_bg.wasm";
/** Pages load it on the first signature. */
const VERIFIER = "dist/pkcs11_bridge_verifier_bg.wasm";
const MAX_GZIP = 120_000;

const { wasm, gzip, brotli } = sizes(FILE);
const verifier = sizes(VERIFIER);

function sizes(file) {
  const bytes = readFileSync(new URL(file, import.meta.url));
  const gzip = gzipSync(bytes, { level: 9 }).length;
  return { wasm: bytes.length, gzip, brotli: brotliCompressSync(bytes).length };
}

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ wasm, gzip, brotli, maxGzip: MAX_GZIP, verifier }));
} else {
  const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
  const print = (file, { wasm, gzip, brotli }) =>
    console.log(`${file}: ${kB(wasm)}, gzip ${kB(gzip)}, brotli ${kB(brotli)}`);
  print(FILE, { wasm, gzip, brotli });
  print(VERIFIER, verifier);
  if (gzip > MAX_GZIP) {
    console.log(`The WebAssembly is over its limit of ${kB(MAX_GZIP)} gzipped.`);
  }
}
