// Signs a file through the bridge, over its WebSocket alone:
//
//     node sign.js FILE [ws://127.0.0.1:24911]
//
// Prints the certificate and the signature, both in base64.

import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import WebSocket from "ws";

// A browser sets this header, and no page can change it. The bridge treats this program as a page
// of that origin: the user has to allow it.
const ORIGIN = process.env.ORIGIN ?? "https://app.example";

/** A connection that matches replies to requests by their id. */
class Bridge {
  #socket;
  #waiting = new Map();
  #last = 0;

  static async connect(url) {
    const socket = new WebSocket(url, "pkcs11-bridge.v1", { origin: ORIGIN });
    const bridge = new Bridge(socket);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    return bridge;
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on("message", (text) => this.#receive(JSON.parse(text)));
    socket.on("close", (code, reason) => this.#fail(new Error(`Closed: ${code} ${reason}`)));
  }

  /** Sends a request and waits for its reply. Several may be in flight, in any order. */
  call(method, params = {}) {
    const id = ++this.#last;
    this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  close() {
    this.#socket.close();
  }

  #receive({ id, result, error }) {
    const call = this.#waiting.get(id);
    if (!call) return; // An event, which has no id.
    this.#waiting.delete(id);
    if (error) call.reject(new Error(`${error.data.status}/${error.data.code}: ${error.message}`));
    else call.resolve(result);
  }

  #fail(error) {
    for (const call of this.#waiting.values()) call.reject(error);
    this.#waiting.clear();
  }
}

/** Ed25519 signs only whole messages. */
function signsHashes({ base64 }) {
  const { publicKey } = new X509Certificate(Buffer.from(base64, "base64"));
  return ["rsa", "ec"].includes(publicKey.asymmetricKeyType);
}

const [file, url = "ws://127.0.0.1:24911"] = process.argv.slice(2);
const bridge = await Bridge.connect(url);

const { name, version, methods } = await bridge.call("hello");
console.error(`${name} ${version}: ${methods.join(", ")}`);

const [slot] = await bridge.call("slots", { token_present: true });
const { certificates } = await bridge.call("certificates", { slot_id: slot.slot_id });
const certificate = certificates.find(signsHashes);
console.error(`Signing with ${certificate.label} …`);

const signature = await bridge.call("signData", {
  slot_id: slot.slot_id,
  cert_id: certificate.id,
  algorithm_reference: "sha256",
  data: createHash("sha256").update(await readFile(file)).digest("base64"),
});
bridge.close();

console.log(JSON.stringify({ certificate: certificate.base64, signature }, null, 2));
