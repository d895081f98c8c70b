import { recall, remember } from "./bridge_key.js";
import { Challenge } from "./bridge_proof.js";

/**
 * Finds the bridge among its ports. Several programs may answer there: the bridge of the user, and
 * programs that pretend to be it. So it asks each for its key.
 */
export class BridgeSearch {
  #ports;
  #limit;
  #pinned;
  #loadVerifier;

  /** The key that the bridge proved last. */
  provedKey;

  /**
   * @param {number} first the first port
   * @param {number} last the last port
   * @param {number} limit how many milliseconds a search may take
   * @param {string[]} pinned the keys that the page chose; if it chose none, the remembered key
   *   counts
   * @param {() => Promise<object>} [loadVerifier] loads the verifier of the package
   */
  constructor(first, last, limit, pinned, loadVerifier) {
    this.#ports = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    this.#limit = limit;
    this.#pinned = pinned;
    this.#loadVerifier = loadVerifier;
  }

  /**
   * Tries the port that answered last, and then all others at once. Resolves to
   * `{ socket, port, proved }`, or to a failure. If the user has not approved the page yet, the
   * bridge has not proved its key: it gives the key to no other page.
   *
   * If the page knows the key, the first program that proves it is the bridge. Otherwise this waits
   * for all ports, and exactly one program may answer.
   */
  async run() {
    const { keys, port: lastPort } = await this.#accepted();
    const attempts = new Attempts(({ key }) => keys.includes(key));
    const start = (port) => attempts.start(this.#attempt(port));
    const others = new Set(this.#ports);
    if (keys.length > 0 && others.delete(lastPort)) {
      start(lastPort);
      await attempts.wait(Math.min(PATIENCE, this.#limit));
    }
    if (!attempts.winner) {
      others.forEach(start);
      await attempts.wait(this.#limit, () => attempts.candidates.length > 0);
      await attempts.wait(Math.min(SETTLING, this.#limit));
    }
    const candidates = attempts.candidates.sort((a, b) => a.port - b.port);
    const found = attempts.winner ?? choose(candidates, keys) ?? this.#unreachable();
    const failure = found.code ? found : found.failure ?? closedMeanwhile(found);
    attempts.end(failure ? undefined : found.socket);
    if (failure) return failure;
    if (found.key) this.#remember(found.key, found.port);
    return { ...found, proved: Boolean(found.key) };
  }

  /** The question to a program that has not proved its key yet. */
  challenge(port) {
    return new Challenge(port);
  }

  /** Checks the answer. Resolves to `undefined` if the program is the bridge, or to a failure. */
  async accept(challenge, result) {
    const key = await challenge.provedKey(result, this.#loadVerifier);
    if (!key) return notProved(challenge.port);
    const { keys } = await this.#accepted();
    if (keys.length > 0 && !keys.includes(key)) return keyChanged(key, keys);
    this.#remember(key, challenge.port);
    return undefined;
  }

  /** The keys that count now. Another page of this origin may have changed the remembered one. */
  async #accepted() {
    const known = await recall();
    const keys = this.#pinned.length > 0 || !known ? this.#pinned : [known.key];
    return { keys, port: known?.port };
  }

  #remember(key, port) {
    this.provedKey = key;
    // The page does not have to wait for it.
    remember(key, port);
  }

  #unreachable() {
    return unreachable(this.#ports[0], this.#ports.at(-1));
  }

  /** Resolves to a program that answered, if one did. */
  #attempt(port) {
    const socket = open(port);
    const answer = socket && this.#ask(socket, port);
    return { socket, answer };
  }

  async #ask(socket, port) {
    const challenge = new Challenge(port);
    if (!(await opened(socket))) return undefined;
    socket.send(challenge.hello(HELLO_ID, false));
    const reply = await answer(socket);
    if (reply?.closed) return { socket, port, failure: closedAtOnce(port, reply.closed.reason) };
    const { status, code } = reply?.error?.data ?? {};
    if (status === 401 && code === "500") return { socket, port };
    const key = reply?.result && (await challenge.provedKey(reply.result, this.#loadVerifier));
    return key ? { socket, port, key } : { socket, port, failure: notProved(port) };
  }
}

/** The bridge among the programs that answered, or a failure. `undefined` if none answered. */
function choose(candidates, keys) {
  const ports = (list) => list.map(({ port }) => port);
  const [first, ...others] = candidates;
  if (keys.length === 0) {
    // The user may run two bridges, which have the same key.
    const same = others.every(({ key }) => key && key === first.key);
    return same ? first : several(ports(candidates));
  }
  const waiting = candidates.filter(({ key, failure }) => !key && !failure);
  if (waiting.length > 1) return several(ports(waiting));
  const changed = candidates.find(({ key }) => key);
  return waiting[0] ?? (changed ? keyChanged(changed.key, keys) : first);
}

/** The failure if the program closed the connection while the search went on. */
function closedMeanwhile({ socket, port }) {
  return socket.readyState === WebSocket.OPEN ? undefined : closedAtOnce(port, "");
}

/** The attempts of one search, and the programs that answered. */
class Attempts {
  candidates = [];
  winner;
  #isWinner;
  #sockets = [];
  #running = 0;
  #changed = () => {};

  constructor(isWinner) {
    this.#isWinner = isWinner;
  }

  async start({ socket, answer }) {
    if (!socket) return;
    this.#sockets.push(socket);
    this.#running += 1;
    const candidate = await answer;
    this.#running -= 1;
    if (candidate) this.candidates.push(candidate);
    if (candidate && this.#isWinner(candidate)) this.winner ??= candidate;
    this.#changed();
  }

  /** Waits until a program is the bridge, `enough` holds, or all attempts or the time are over. */
  wait(milliseconds, enough = () => false) {
    const isOver = () => this.winner || this.#running === 0 || enough();
    return new Promise((resolve) => {
      if (isOver()) return resolve();
      const timer = setTimeout(resolve, milliseconds);
      this.#changed = () => {
        if (!isOver()) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Closes all sockets but that of the bridge. */
  end(kept) {
    for (const socket of this.#sockets) if (socket !== kept) socket.close();
  }
}

/** `undefined` if the browser throws, as it does for some ports and some pages. */
function open(port) {
  try {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, PROTOCOL);
    socket.binaryType = "arraybuffer";
    return socket;
  } catch {
    return undefined;
  }
}

/** A browser that refuses the connection itself fires `error` and no `close`. */
function opened(socket) {
  return event(socket, ["open", "error", "close"]).then(
    () => socket.readyState === WebSocket.OPEN && socket.protocol === PROTOCOL,
  );
}

/** The reply to the `hello`. `undefined` if none comes, or if it cannot be read. */
async function answer(socket) {
  const timeout = new Promise((resolve) => setTimeout(resolve, ANSWER_LIMIT));
  const next = await Promise.race([event(socket, ["message", "close"]), timeout]);
  if (next?.type === "close") return { closed: next };
  try {
    const reply = JSON.parse(next.data);
    return reply.id === HELLO_ID ? reply : undefined;
  } catch {
    return undefined;
  }
}

/** The next event of one of these types. */
function event(socket, types) {
  return new Promise((resolve) => {
    const ended = new AbortController();
    const listener = (event) => {
      ended.abort();
      resolve(event);
    };
    for (const type of types) socket.addEventListener(type, listener, { signal: ended.signal });
  });
}

// Why a program is not taken for the bridge: the code of the error, and its text.

function unreachable(first, last) {
  const ports = first === last ? `port ${first}` : `ports ${first}–${last}`;
  return {
    code: "999",
    message:
      `The bridge cannot be reached on ${ports} of this computer. Start pkcs11-bridge, or ` +
      "install it first. If it runs, allow this site to reach apps on this device in the " +
      "browser's site settings. Then try again.",
  };
}

function closedAtOnce(port, reason) {
  return {
    code: "999",
    message:
      `The bridge on port ${port} closed the connection at once${reason && ` (${reason})`}. Try ` +
      "again later.",
  };
}

function keyChanged(found, known) {
  const expected = known.length === 1 ? known[0] : "one of several others";
  return {
    code: "804",
    message:
      `The bridge has the key ${found}, but this site expects ${expected}. Another program may ` +
      "pretend to be the bridge, so nothing was sent to it. `pkcs11-bridge key` on this computer " +
      "shows the key of the bridge. If it was made anew, the site can accept it, with " +
      "connect({ bridgeKey }) or forgetBridgeKey(). Otherwise ask the administrator.",
  };
}

function notProved(port) {
  return {
    code: "805",
    message:
      `The program on port ${port} of this computer did not prove that it is the user's bridge, ` +
      "so nothing was sent to it. If it is an older pkcs11-bridge, update it. Otherwise ask the " +
      "administrator of the computer which program uses the port.",
  };
}

function several(ports) {
  return {
    code: "806",
    message:
      "Several programs of this computer answer as the bridge, on the ports " +
      `${ports.join(", ")}, and this site cannot tell which is the user's. Nothing was sent to ` +
      "them. Stop all but one, or name the key that `pkcs11-bridge key` shows in " +
      "connect({ bridgeKey }).",
  };
}

const PROTOCOL = "pkcs11-bridge.v1";

/** The id of the `hello`. The ids of calls count from 1. */
const HELLO_ID = 0;

/**
 * How long to wait for the port that answered last, before the others are tried too, in
 * milliseconds. While the browser asks the user for permission, every port waits for the answer.
 */
const PATIENCE = 500;

/**
 * How long to wait for the other ports once a program has answered, in milliseconds. Most systems
 * refuse a port without a listener at once, but Windows takes two seconds.
 */
const SETTLING = 3000;

/** How long a program may take to prove its key, in milliseconds. The bridge answers at once. */
const ANSWER_LIMIT = 5000;
