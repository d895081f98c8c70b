// Reads modules, slots, tokens and certificates. Keeps the user's choice if it still exists, and
// drops replies that are out of date.

import { hasToken } from "./flags.js";
import {
  isLate,
  isModuleFailure,
  isModuleUnavailable,
  isNotApproved,
  isUnreachable,
} from "./failures.js";
import { validity } from "./format.js";
import { isForLogin } from "./names.js";
import { retryAt } from "./suspension.js";
import { resource } from "./store.js";

/** Slot ids are numbers or strings. As keys, they are compared as strings. */
export const slotKey = (slotId) => String(slotId);

export const chosenModule = (state) =>
  state.modules.data?.find(({ name }) => name === state.moduleName);
export const chosenSlot = (state) =>
  state.slots.data?.find((slot) => slotKey(slot.slot_id) === state.slotKey);
export const chosenCertificate = (state) =>
  state.certificates.data?.find(({ id }) => id === state.certificateId);

export const initialBrowse = {
  modules: resource.idle,
  moduleName: undefined,
  info: resource.idle,
  slots: resource.idle,
  tokens: resource.idle,
  onlyWithToken: false,
  slotKey: undefined,
  token: resource.idle,
  certificates: resource.idle,
  certificateId: undefined,
  /** When the bridge tries the chosen module again; `null` if the module is not suspended. */
  retryAt: null,
};

// The bridge reports whole seconds, so wait up to one second longer.
const MARGIN_MS = 1_000;

/**
 * @param {any} store
 * @param {{
 *   client: () => any, pkcs11: (name?: string) => any, refuse: (text: string) => void
 * }} connection
 * @param {{ gaveUp: (method: string) => void }} wireLog
 */
export function createBrowse(store, connection, wireLog) {
  const newest = {};
  let retryTimer = 0;
  const pkcs11 = () => connection.pkcs11(store.state.moduleName);

  /** Calls the bridge. Returns whether `store.state[key]` now holds the result of this call. */
  async function load(key, method, ask) {
    const run = (newest[key] = Symbol(key));
    store.update({ [key]: resource.loading(store.state[key]) });
    try {
      const { data } = await ask();
      if (newest[key] !== run) return false;
      store.update({ [key]: resource.ready(data) });
      return true;
    } catch (error) {
      if (isLate(error)) wireLog.gaveUp(method);
      if (newest[key] !== run) return false;
      const before = store.state[key].data;
      // A panel of the page shows these two errors, and the page then tries again.
      const shownByPanel = isUnreachable(error) || isNotApproved(error);
      store.update({ [key]: shownByPanel ? settled(before) : resource.failed(error) });
      if (isNotApproved(error)) connection.refuse(error.description);
      if (isModuleFailure(error) && !["modules", "info"].includes(key)) checkModules();
      return false;
    }
  }

  function forget(...keys) {
    for (const key of keys) {
      newest[key] = undefined;
      store.update({ [key]: resource.idle });
    }
  }

  async function refreshModules() {
    if (!(await load("modules", "modules", () => connection.client().modules()))) return;
    const modules = store.state.modules.data;
    const usable = modules.find(({ state }) => state === "running" || state === "available");
    const next = chosenModule(store.state) ?? usable ?? modules[0];
    if (next) await readModule(next.name);
    else forget("info", "slots", "tokens", "token", "certificates");
  }

  async function chooseModule(name) {
    forget("info", "slots", "tokens", "token", "certificates");
    store.update({ slotKey: undefined, certificateId: undefined });
    store.update({ slotNews: null });
    await readModule(name);
  }

  async function readModule(name) {
    clearTimeout(retryTimer);
    store.update({ moduleName: name, retryAt: null });
    await load("info", "info", () => pkcs11().info());
    if (store.state.moduleName !== name) return;
    tryAgain(name, retryAt(store.state.info.error));
    // That call may have started the module and changed its state.
    if (chosenModule(store.state)?.state !== "running")
      load("modules", "modules", () => connection.client().modules());
    // Further calls would fail with the same error.
    if (isModuleUnavailable(store.state.info.error))
      forget("slots", "tokens", "token", "certificates");
    else await refreshSlots();
  }

  /** Reads a suspended module again when the bridge tries it again. */
  function tryAgain(name, at) {
    if (!at) return;
    store.update({ retryAt: at });
    clearTimeout(retryTimer);
    retryTimer = setTimeout(
      () => store.state.moduleName === name && readModule(name),
      at.getTime() - Date.now() + MARGIN_MS,
    );
  }

  /** Reads the modules after a failure, because the bridge may have suspended the chosen module. */
  async function checkModules() {
    if (!(await load("modules", "modules", () => connection.client().modules()))) return;
    const module = chosenModule(store.state);
    if (module?.state === "set_aside") await readModule(module.name);
  }

  /** Reads the data that may have changed while the bridge did not watch the slots. */
  async function refresh() {
    const { moduleName, info, slots } = store.state;
    if (info.status === "failed") await readModule(moduleName);
    else if (slots.status !== "idle") await refreshSlots();
  }

  /** Handles a changed slot. If no token is chosen, this chooses the inserted token. */
  async function slotChanged(inserted) {
    const chosen = chosenSlot(store.state);
    if (inserted !== undefined && !(chosen && hasToken(chosen))) {
      store.update({ slotKey: slotKey(inserted), certificateId: undefined });
    }
    await refreshSlots();
  }

  async function refreshSlots() {
    const ask = () =>
      store.state.onlyWithToken ? pkcs11().slotsWithTokenPresent() : pkcs11().slots();
    const [current] = await Promise.all([
      load("slots", "slots", ask),
      load("tokens", "token", () => pkcs11().token()),
    ]);
    if (!current) return forgetToken();
    const next =
      chosenSlot(store.state) ?? store.state.slots.data.find(hasToken) ?? store.state.slots.data[0];
    if (next) await chooseSlot(slotKey(next.slot_id));
    else forgetToken();
  }

  function forgetToken() {
    if (store.state.slots.data && chosenSlot(store.state)) return;
    forget("token", "certificates");
    store.update({ slotKey: undefined, certificateId: undefined });
  }

  async function chooseSlot(key) {
    if (key !== store.state.slotKey) {
      forget("token", "certificates");
      store.update({ slotKey: key, certificateId: undefined });
    }
    if (!hasToken(chosenSlot(store.state))) return forget("token", "certificates");
    await Promise.all([refreshToken(), refreshCertificates()]);
  }

  const refreshToken = () => {
    const slot = chosenSlot(store.state);
    return slot && load("token", "token", () => pkcs11().token(slot.slot_id));
  };

  async function refreshCertificates() {
    const slot = chosenSlot(store.state);
    if (!slot) return;
    const ask = () => pkcs11().certificates(slot.slot_id, { parseCerts: true });
    if (!(await load("certificates", "certificates", ask))) return;
    const list = store.state.certificates.data;
    const valid = list.filter(isValidNow);
    const first = valid.find(({ parsed }) => !isForLogin(parsed)) ?? valid[0] ?? list[0];
    const next = chosenCertificate(store.state) ?? first;
    store.update({ certificateId: next?.id });
  }

  return {
    refreshModules,
    chooseModule,
    refreshSlots,
    checkModules,
    refresh,
    slotChanged,
    chooseSlot,
    refreshToken,
    refreshCertificates,
    chooseCertificate: (id) => store.update({ certificateId: id }),
    showOnlyWithToken: (onlyWithToken) => {
      store.update({ onlyWithToken });
      return refreshSlots();
    },
  };
}

const settled = (data) => (data === undefined ? resource.idle : resource.ready(data));

function isValidNow({ parsed }) {
  return parsed && ["valid", "soon", "unknown"].includes(validity(parsed).state);
}
