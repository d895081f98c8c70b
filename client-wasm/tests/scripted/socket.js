/** Stands in for the browser's WebSocket, and so for a bridge: it keeps what it is sent. */
class ScriptedSocket extends EventTarget {
  static refused = 0;
  readyState = 0;
  protocol = "pkcs11-bridge.v1";
  sent = [];

  constructor() {
    super();
    if (ScriptedSocket.refused > 0) {
      ScriptedSocket.refused -= 1;
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
    this.sent.push(JSON.parse(text));
  }

  close(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code, reason }));
  }
}

export function install() {
  ScriptedSocket.refused = 0;
  globalThis.WebSocket = ScriptedSocket;
}

/** Refuses the next connections, as where no bridge runs. */
export function refuse(count) {
  ScriptedSocket.refused = count;
}

/** The socket that was opened last. */
export function newest() {
  return ScriptedSocket.newest;
}

/** Lets the bridge say something. */
export function say(socket, text) {
  socket.dispatchEvent(new MessageEvent("message", { data: text }));
}
