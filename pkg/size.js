// Prints the size of the WebAssembly, raw and compressed: for people, or with --json for programs.

import { readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const FILE = "dist/pkcs11_bridge_client_bg.wasm";
const MAX_GZIP = 120_000;

const bytes = readFileSync(new URL(FILE, import.meta.url));
const wasm = bytes.length;
const gzip = gzipSync(bytes, { level: 9 }).length;
const brotli = brotliCompressSync(bytes).length;

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ wasm, gzip, brotli, maxGzip: MAX_GZIP }));
} else {
  const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
  console.log(`${FILE}: ${kB(wasm)}, gzip ${kB(gzip)}, brotli ${kB(brotli)}`);
  if (gzip > MAX_GZIP) {
    console.log(`The WebAssembly is over its limit of ${kB(MAX_GZIP)} gzipped.`);
  }
}
