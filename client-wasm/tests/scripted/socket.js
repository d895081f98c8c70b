/** Stands in for the browser's WebSocket, and so for a bridge: it keeps what it is sent. */
class ScriptedSocket extends EventTarget {
  readyState = 0;
  protocol = "pkcs11-bridge.v1";
  sent = [];

  constructor() {
    super();
    ScriptedSocket.newest = this;
    setTimeout(() => {
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
    });
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code, reason }));
  }
}

export function install() {
  globalThis.WebSocket = ScriptedSocket;
}

/** The socket that was opened last. */
export function newest() {
  return ScriptedSocket.newest;
}

/** Lets the bridge say something. */
export function say(socket, text) {
  socket.dispatchEvent(new MessageEvent("message", { data: text }));
}
