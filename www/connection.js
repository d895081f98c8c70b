// Owns the client: connects, notices loss and return, and keeps trying by itself. Everything else asks
// it for the client of the moment.

import { announce } from "./dom.js";
import { isNotApproved, isUnreachable } from "./failures.js";
import { readSettings } from "./settings.js";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;
// A bridge that restarts is back sooner than this, and then nobody wants to read about it.
const GRACE_MS = 1_500;
// An answer that takes longer than this waits for the user.
const ASKED_AFTER_MS = 600;
const REVOKED = 1008;

/**
 * @param {any} store keys `phase` ("connecting", "open", "lost", "unreachable"), `ports`, `demoPin`,
 *   `bridge` (the answer of `hello`), `asked` (whether it waits for the user), `refused` (why the page is
 *   not approved, and when that was said), `clientError` and `backAt` (since when a bridge that was lost is
 *   back)
 * @param {{ traffic: (event: CustomEvent) => void, lost: () => void, opened: () => void,
 *   slot: (event: CustomEvent) => void, watch: (event: CustomEvent) => void }} on
 */
export function createConnection(store, on) {
  let client = null;
  let pause = FIRST_PAUSE_MS;
  let timer = 0;
  let attempt = null;
  let revoked = false;

  /** Starts to connect, or does so at once where it was waiting to try again. */
  function start() {
    clearTimeout(timer);
    attempt ??= tryOnce().finally(() => (attempt = null));
    return attempt;
  }

  async function tryOnce() {
    const settings = await readSettings();
    store.update({ ports: settings.ports, demoPin: settings.demoPin });
    try {
      const { connect } = await loadClient();
      client = await connect({ ports: settings.ports });
    } catch (error) {
      store.update({ phase: "unreachable", clientError: isUnreachable(error) ? null : error });
      // A module that failed to load stays so until the page is loaded anew.
      if (error.status === undefined) return;
      timer = setTimeout(start, pause);
      pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS);
      return;
    }
    pause = FIRST_PAUSE_MS;
    client.addEventListener("traffic", on.traffic);
    client.addEventListener("close", lost);
    client.addEventListener("open", back);
    client.addEventListener("watch", on.watch);
    await opened();
  }

  function lost({ detail }) {
    on.lost();
    // Whoever takes the approval back does not want to be asked again.
    revoked = detail.code === REVOKED;
    if (revoked) refuse("The approval of this page was taken back.");
    store.update({ phase: "lost", backAt: null });
    clearTimeout(timer);
    timer = setTimeout(() => store.update({ phase: "unreachable" }), GRACE_MS);
  }

  async function back() {
    store.update({ backAt: new Date() });
    announce("The bridge is back.");
    await opened();
  }

  async function opened() {
    clearTimeout(timer);
    store.update({ phase: "open", clientError: null });
    if (!revoked) await greet();
  }

  // The first call has the user asked where the page is not approved. That may have changed with a
  // restart, so it is made each time.
  async function greet() {
    const asked = setTimeout(() => store.update({ asked: true }), ASKED_AFTER_MS);
    revoked = false;
    try {
      const { data } = await client.hello();
      store.update({ bridge: data, refused: null });
      on.opened();
    } catch (error) {
      if (isNotApproved(error)) refuse(error.description);
    } finally {
      clearTimeout(asked);
      store.update({ asked: false });
    }
  }

  const refuse = (text) => store.update({ refused: { text, at: new Date() } });

  /** Tries at once: a call makes a client that is waiting dial. */
  async function retry() {
    if (client) await greet();
    else await start();
  }

  // Whoever comes back from the terminal where the bridge was started should not have to wait.
  addEventListener("focus", () => {
    if (store.state.phase === "unreachable" && !store.state.clientError) retry();
  });

  return {
    start,
    retry,
    refuse,
    /** The API of the module of that name, whose slots are watched from then on. */
    pkcs11(name) {
      const pkcs11 = client.pkcs11(name);
      // The same listener again is none.
      client.addEventListener("slot", on.slot);
      return pkcs11;
    },
    client: () => client,
  };
}

async function loadClient() {
  try {
    return await import("pkcs11-bridge-client");
  } catch (cause) {
    throw new Error(
      "The client package could not be loaded. Build it with `make pkg`, then reload the page.",
      { cause },
    );
  }
}
