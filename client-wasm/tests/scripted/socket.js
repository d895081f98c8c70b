/** Replaces the browser's WebSocket and the bridge: keeps the requests that it is sent. */
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
