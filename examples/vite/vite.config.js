import { defineConfig } from "vite";

export default defineConfig({
  // The package finds its WebAssembly beside itself, so Vite must not bundle it beforehand.
  optimizeDeps: { exclude: ["pkcs11-bridge-client"] },
  // Only for this example, whose package.json names the package by a folder of the repository.
  server: { fs: { allow: [".", "../../pkg"] } },
});
