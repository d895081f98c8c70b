// Step 4: the data to sign, the algorithm, where the user enters the PIN, and the signature.

import { algorithmsFor, hasFormats } from "../algorithms.js";
import { chosenCertificate, chosenSlot } from "../browse.js";
import { announce, byId, el } from "../dom.js";
import { isLastTry, isWrongPin } from "../failures.js";
import { bytes } from "../format.js";
import { showError } from "../notices.js";
import {
  asksInPage,
  HINTS,
  mayBeInPage,
  pinEntry,
  pinEntryKeys,
  pinWaiting,
} from "../pin-entry.js";
import { titleOf } from "./certificate.js";
import { progress } from "./progress.js";
import { showSignature } from "./signature.js";
import { sourceFields } from "./source.js";

const USUAL = { "P-384": "sha384", "P-521": "sha512" };

export function signStep(store, signing) {
  const source = sourceFields();
  const pin = byId("pin");
  const algorithm = byId("algorithm");

  const showWaiting = pinWaiting(byId("sign-waiting"));

  function sign() {
    const wanted = source.current();
    if (!wanted || isBusy(store.state)) return;
    if (!chosenCertificate(store.state) || !chosenSlot(store.state)) return;
    signing.sign({ source: wanted, takePin: () => takePin(store.state) });
  }

  byId("sign-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sign();
  });
  for (const id of ["pin-by-bridge", "pin-in-page"]) {
    byId(id).addEventListener("change", () =>
      store.update({ pinInPage: byId("pin-in-page").checked }),
    );
  }
  byId("logout-button").addEventListener("click", () => {
    if (store.state.logout !== "asking") signing.logout();
  });
  byId("cancel-hash").addEventListener("click", signing.cancelHash);
  byId("fill-pin").addEventListener("click", () => {
    pin.value = store.state.demoPin;
    pin.focus();
  });
  for (const id of ["algorithm", "format-raw", "format-der"])
    byId(id).addEventListener("change", takeChoice);

  function takeChoice() {
    const parsed = chosenCertificate(store.state)?.parsed;
    byId("algorithm-meaning").textContent = algorithm.selectedOptions[0]?.dataset.meaning ?? "";
    const format = byId("format-der").checked ? "der" : "raw";
    store.update({ algorithm: algorithm.value, format: hasFormats(parsed) ? format : undefined });
  }

  store.watch(["certificates", "certificateId"], (state) => {
    const certificate = chosenCertificate(state);
    fillAlgorithms(algorithm, certificate?.parsed);
    byId("format-field").hidden = !hasFormats(certificate?.parsed);
    byId("sign-form").hidden = !certificate;
    takeChoice();
  });
  store.watch([...pinEntryKeys, "demoPin"], (state) => {
    const where = pinEntry(state);
    byId("pin-choice").hidden = !mayBeInPage(state);
    byId("pin-by-bridge").checked = where !== "page";
    byId("pin-in-page").checked = where === "page";
    byId("pin-field").hidden = where !== "page";
    byId("pin-hint").textContent = HINTS[where];
    byId("fill-pin").hidden = !state.demoPin;
    byId("demo-hint").hidden = !state.demoPin || where === "page";
    byId("demo-pin").textContent = state.demoPin ?? "";
    byId("logout-button").hidden = where === "none";
  });
  store.watch(["logout"], ({ logout }) => {
    byId("logout-button").setAttribute("aria-disabled", String(logout === "asking"));
    byId("logout-result").textContent = LOGOUT[logout] ?? "";
  });

  /** A button for an error that the user cannot solve with the PIN field of the page. */
  function letTheBridgeAsk() {
    const button = el(
      "button",
      { type: "button", "data-testid": "let-bridge-ask" },
      "Let the bridge ask me",
    );
    button.addEventListener("click", () => {
      store.update({ pinInPage: false });
      sign();
    });
    return button;
  }

  store.watch(["signing"], (state) => {
    const { signing: now } = state;
    const error = now.phase === "failed" ? now.error : null;
    showProgress(now);
    showWaiting(state, now.phase === "signing" && now.asks);
    if (error && isWrongPin(error) && asksInPage(state)) pin.focus();
    if (now.phase === "done") announce("Signed");
    if (now.phase === "cancelled") announce("Hashing was cancelled; nothing was signed");
  });
  // The text for a lost call changes when the connection is back.
  store.watch(["signing", "phase", "backAt"], (state) => {
    const error = state.signing.phase === "failed" ? state.signing.error : null;
    const action = isLastTry(error) && asksInPage(state) ? letTheBridgeAsk() : undefined;
    showError(byId("sign-error"), error, action, state);
  });
  // Hide the old signature during a new attempt, because the user could take it for the new one.
  store.watch(["signing", "signed"], ({ signing: now, signed }) =>
    showSignature(now.phase === "done" ? signed : null),
  );
  store.watch(["signing", "signed", "certificates", "certificateId"], (state) => {
    const certificate = chosenCertificate(state);
    const summary = certificate ? `with ${titleOf(certificate)}` : "";
    const done = Boolean(state.signed) && !["failed", "cancelled"].includes(state.signing.phase);
    progress("sign", { done, waiting: !certificate, summary });
  });
}

const LOGOUT = {
  ended: "Logged out: the next signature needs the PIN.",
  none: "This page was not logged in.",
};

const isBusy = ({ signing }) => signing.phase === "hashing" || signing.phase === "signing";

/** Takes the PIN from the field of the page and clears the field. */
export function takePin(state) {
  const pin = byId("pin");
  const value = asksInPage(state) ? pin.value : "";
  pin.value = "";
  return value || undefined;
}

/** Fills in the algorithms. Keeps the choice if the new key supports it. */
function fillAlgorithms(select, parsed) {
  const before = select.value;
  const groups = algorithmsFor(parsed);
  select.replaceChildren(
    ...groups.map(({ title, options }) =>
      el(
        "optgroup",
        { label: title },
        ...options.map(({ value, meaning }) =>
          el("option", { value, "data-meaning": meaning }, value),
        ),
      ),
    ),
  );
  const values = groups.flatMap(({ options }) => options.map(({ value }) => value));
  const usual = USUAL[parsed?.curve] ?? "sha256";
  select.value = [before, usual].find((value) => values.includes(value)) ?? values[0];
}

function showProgress({ phase, loaded, total }) {
  const button = byId("sign-button");
  const busy = phase === "hashing" || phase === "signing";
  button.setAttribute("aria-disabled", String(busy));
  button.textContent = { hashing: "Hashing …", signing: "Signing …" }[phase] ?? "Sign";
  byId("hash-field").hidden = phase !== "hashing";
  if (phase !== "hashing") return;
  const bar = byId("hash-progress");
  bar.max = Math.max(total, 1);
  bar.value = loaded;
  byId("hash-done").textContent = `${bytes(loaded)} of ${bytes(total)}`;
}
