/**
 * Replaces the browser's WebSocket and the bridge: keeps the requests that it is sent. It answers
 * on one port, and proves its key itself.
 */
class ScriptedSocket extends EventTarget {
  static OPEN = 1;
  static refused = 0;
  readyState = 0;
  protocol = "pkcs11-bridge.v1";
  sent = [];

  constructor(url) {
    super();
    this.port = Number(new URL(url).port);
    if (this.port !== PORT || ScriptedSocket.refused > 0) {
      if (this.port === PORT) ScriptedSocket.refused -= 1;
      setTimeout(() => {
        this.readyState = 3;
        this.dispatchEvent(new Event("error"));
        this.dispatchEvent(new CloseEvent("close", { code: 1006 }));
      });
      return;
    }
    ScriptedSocket.newest = this;
    setTimeout(() => {
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
    });
  }

  send(text) {
    const request = JSON.parse(text);
    if (request.params.nonce) this.prove(request);
    else this.sent.push(request);
  }

  async prove({ id, params }) {
    const { publicKey, privateKey } = await pair;
    const port = [this.port >> 8, this.port & 255];
    const parts = [PREFIX, fromBase64(params.nonce), Uint8Array.from(port), origin];
    const message = await new Blob(parts).arrayBuffer();
    const signature = await crypto.subtle.sign(ALGORITHM, privateKey, message);
    const identity = {
      public_key: toBase64(await crypto.subtle.exportKey("spki", publicKey)),
      signature: toBase64(signature),
    };
    say(this, JSON.stringify({ jsonrpc: "2.0", id, result: { identity } }));
  }

  close(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code, reason }));
  }
}

const PORT = 24911;
const PREFIX = "pkcs11-bridge identity v1\0";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const pair = crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const toBase64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));

export function install() {
  ScriptedSocket.refused = 0;
  globalThis.WebSocket = ScriptedSocket;
}

/** Refuses the next connections, as if no bridge runs. */
export function refuse(count) {
  ScriptedSocket.refused = count;
}

/** The newest socket. */
export function newest() {
  return ScriptedSocket.newest;
}

/** Sends a text frame of the bridge. */
export function say(socket, text) {
  socket.dispatchEvent(new MessageEvent("message", { data: text }));
}
