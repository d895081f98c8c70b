// Owns the client: connects, notices when the connection is lost or back, and retries. Other
// scripts get the current client from here.

import { announce } from "./dom.js";
import { isNotApproved, isUnreachable } from "./failures.js";
import { readSettings } from "./settings.js";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;
// A bridge that restarts is usually back within this time. Then the page shows no message.
const GRACE_MS = 1_500;
// If the reply takes longer than this, the bridge is probably asking the user.
const ASKED_AFTER_MS = 600;
const REVOKED = 1008;

/**
 * @param {any} store keys `phase` ("connecting", "open", "lost", "unreachable"), `ports`,
 *   `demoPin`, `bridge` (the result of `hello`), `asked` (whether the bridge asks the user),
 *   `refused` (why the page is not approved, and when the bridge said so), `clientError` and
 *   `backAt` (when the connection came back)
 * @param {{ traffic: (event: CustomEvent) => void, lost: () => void, opened: () => void,
 *   slot: (event: CustomEvent) => void, watch: (event: CustomEvent) => void }} on
 */
export function createConnection(store, on) {
  let client = null;
  let pause = FIRST_PAUSE_MS;
  let timer = 0;
  let attempt = null;
  let revoked = false;

  /** Starts to connect. If it is waiting before a retry, it retries at once. */
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
      client = await connect({ ports: settings.ports, bridgeKey: settings.key });
    } catch (error) {
      store.update({ phase: "unreachable", clientError: isUnreachable(error) ? null : error });
      // The browser does not retry a script that failed to load, until the user reloads the page.
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
    // A user who revokes the approval does not want the bridge to ask again.
    revoked = detail.code === REVOKED;
    if (revoked) refuse("The approval of this page was revoked.");
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

  // If the page is not approved, the bridge asks the user at the first call. The approval may have
  // changed with a restart, so call `hello` on each new connection.
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

  /** Tries at once: a call makes a waiting client connect immediately. */
  async function retry() {
    if (client) await greet();
    else await start();
  }

  // The user may come back from a terminal where they have started the bridge. Connect at once.
  addEventListener("focus", () => {
    if (store.state.phase === "unreachable" && !store.state.clientError) retry();
  });

  return {
    start,
    retry,
    refuse,
    /** The API of a module. From then on, the client also watches the module's slots. */
    pkcs11(name) {
      const pkcs11 = client.pkcs11(name);
      // Adding the same listener again has no effect.
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
      "The page could not load the client package. Build it with `make pkg`, then reload the page.",
      { cause },
    );
  }
}
