// Logs the user in with a certificate. The page also plays the server: it makes the challenge and
// verifies the answer.

import { chosenCertificate, chosenSlot } from "./browse.js";
import { isLate, isModuleFailure, isNotApproved } from "./failures.js";

export const initialLogin = {
  /**
   * `phase`: "idle", "asking", "done" (`challenge`, `response` and what `verified` says of them),
   * "refused" (`problem`: why the server refuses the answer) or "failed"
   */
  login: { phase: "idle" },
  /** Why the server refuses the last answer for another challenge; `null` before. */
  replay: null,
};

/**
 * @param {any} store
 * @param {{ pkcs11: (name?: string) => any, refuse: (text: string) => void }} connection
 * @param {{ refreshToken: () => Promise<unknown> | undefined, checkModules: () => unknown }} browse
 * @param {{ gaveUp: (method: string) => void }} wireLog
 */
export function createLogin(store, connection, browse, wireLog) {
  async function logIn() {
    const { moduleName } = store.state;
    store.update({ login: { phase: "asking" }, replay: null, logout: null });
    try {
      const { createChallenge } = await import("pkcs11-bridge-client/server");
      const challenge = createChallenge();
      const { data: response } = await connection.pkcs11(moduleName).authenticate({
        slot_id: chosenSlot(store.state).slot_id,
        cert_id: chosenCertificate(store.state).id,
        challenge,
      });
      const verified = await verify(response, challenge);
      store.update({ login: { phase: "done", challenge, response, verified } });
    } catch (error) {
      if (isRefusal(error)) store.update({ login: { phase: "refused", problem: error.message } });
      else failed(error);
    }
    await browse.refreshToken();
  }

  /** Sends the last answer to a server that waits for another challenge. */
  async function sendAgain() {
    const { login } = store.state;
    const { createChallenge } = await import("pkcs11-bridge-client/server");
    try {
      await verify(login.response, createChallenge());
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (store.state.login === login) store.update({ replay: error.message });
    }
  }

  function failed(error) {
    if (isLate(error)) wireLog.gaveUp("authenticate");
    store.update({ login: { phase: "failed", error } });
    if (isNotApproved(error)) connection.refuse(error.description);
    if (isModuleFailure(error)) browse.checkModules();
  }

  return { logIn, sendAgain };
}

/** What a server does. It would pass `trustedIssuers`, because here anyone may log in. */
async function verify(response, challenge) {
  const { verifyAuthentication } = await import("pkcs11-bridge-client/server");
  const { origin } = location;
  return verifyAuthentication({ response, challenge, origin, isTrusted: () => true });
}

const isRefusal = (error) => error?.name === "AuthenticationError";
