// Step 4: what is signed, how and with which PIN, and the signature.

import { algorithmsFor, hasFormats } from "../algorithms.js";
import { chosenCertificate, chosenSlot } from "../browse.js";
import { announce, byId, el } from "../dom.js";
import { isAboutPin } from "../failures.js";
import { needsLogin, takesPinAtDevice } from "../flags.js";
import { bytes } from "../format.js";
import { showError } from "../notices.js";
import { titleOf } from "./certificate.js";
import { progress } from "./progress.js";
import { showSignature } from "./signature.js";
import { sourceFields } from "./source.js";

const USUAL = { "P-384": "sha384", "P-521": "sha512" };

export function signStep(store, signing) {
  const source = sourceFields();
  const pin = byId("pin");
  const algorithm = byId("algorithm");

  byId("sign-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = source.current();
    if (!wanted || isBusy(store.state)) return;
    if (!chosenCertificate(store.state) || !chosenSlot(store.state)) return;
    signing.sign({ source: wanted, takePin });
  });
  byId("cancel-hash").addEventListener("click", signing.cancelHash);
  byId("fill-pin").addEventListener("click", () => {
    pin.value = store.state.demoPin;
    pin.focus();
  });
  for (const id of ["algorithm", "format-raw", "format-der"]) byId(id).addEventListener("change", takeChoice);

  function takeChoice() {
    const parsed = chosenCertificate(store.state)?.parsed;
    byId("algorithm-meaning").textContent = algorithm.selectedOptions[0]?.dataset.meaning ?? "";
    const format = byId("format-der").checked ? "der" : "raw";
    store.update({ algorithm: algorithm.value, format: hasFormats(parsed) ? format : undefined });
  }

  function takePin() {
    const value = pin.value;
    pin.value = "";
    return value;
  }

  store.watch(["certificates", "certificateId"], (state) => {
    const certificate = chosenCertificate(state);
    fillAlgorithms(algorithm, certificate?.parsed);
    byId("format-field").hidden = !hasFormats(certificate?.parsed);
    byId("sign-form").hidden = !certificate;
    takeChoice();
  });
  store.watch(["demoPin"], ({ demoPin }) => {
    byId("demo-hint").hidden = !demoPin;
    byId("demo-pin").textContent = demoPin ?? "";
  });
  store.watch(["token"], ({ token }) => {
    byId("pin-hint").textContent = token.data ? pinHint(token.data) : "";
  });
  store.watch(["signing"], ({ signing: now }) => {
    showProgress(now);
    showError(byId("sign-error"), now.phase === "failed" ? now.error : null);
    if (now.phase === "failed" && isAboutPin(now.error)) pin.focus();
    if (now.phase === "done") announce("Signed");
    if (now.phase === "cancelled") announce("Hashing was cancelled; nothing was signed");
  });
  // An older signature beside a new attempt would be taken for its result.
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

const isBusy = ({ signing }) => signing.phase === "hashing" || signing.phase === "signing";

/** Keeps the choice where the new key can do it as well. */
function fillAlgorithms(select, parsed) {
  const before = select.value;
  const groups = algorithmsFor(parsed);
  select.replaceChildren(
    ...groups.map(({ title, options }) =>
      el(
        "optgroup",
        { label: title },
        ...options.map(({ value, meaning }) => el("option", { value, "data-meaning": meaning }, value)),
      ),
    ),
  );
  const values = groups.flatMap(({ options }) => options.map(({ value }) => value));
  const usual = USUAL[parsed?.curve] ?? "sha256";
  select.value = [before, usual].find((value) => values.includes(value)) ?? values[0];
}

function pinHint(token) {
  if (takesPinAtDevice(token)) return "Leave it empty: this token takes the PIN at its own pinpad.";
  if (!needsLogin(token)) return "This token asks for no PIN.";
  return "May stay empty while this page is logged in. The page forgets it as soon as it is sent.";
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
