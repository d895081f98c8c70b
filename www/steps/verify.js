// Step 5: the signature in an editable field, and whether the bridge finds it valid.

import { chosenCertificate, chosenSlot } from "../browse.js";
import { announce, byId, el } from "../dom.js";
import { notice, showError } from "../notices.js";
import { hashName, hashOf } from "../algorithms.js";
import { titleOf } from "./certificate.js";
import { progress } from "./progress.js";

const OUTCOME = {
  valid: {
    tone: "good",
    title: "The signature is valid",
    text: "It was made with the key of this certificate, over exactly this data.",
  },
  invalid: {
    tone: "bad",
    title: "The signature is not valid",
    text:
      "The signature, the data, the certificate and the algorithm do not belong together. At " +
      "least one of them has changed since the signature was made.",
  },
};

export function verifyStep(store, signing) {
  const data = byId("verify-data");
  const signature = byId("verify-signature");

  byId("verify-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const against = whatIsVerified(store.state);
    if (!against || store.state.verification.phase === "asking") return;
    signing.verify({ ...against, data: data.value.trim(), signature: signature.value.trim() });
  });
  for (const field of [data, signature]) {
    field.addEventListener("input", () => {
      signing.forgetVerification();
      showChanges();
    });
  }
  byId("tamper-button").addEventListener("click", () =>
    change(withOtherCharacter(signature.value)),
  );
  byId("restore-button").addEventListener("click", () => {
    data.value = store.state.signed.request.data;
    change(store.state.signed.signature);
  });

  function change(value) {
    signature.value = value;
    signing.forgetVerification();
    showChanges();
  }

  function showChanges() {
    const { signed } = store.state;
    const changed =
      signed && (data.value !== signed.request.data || signature.value !== signed.signature);
    byId("restore-button").disabled = !changed;
    byId("tamper-button").disabled = signature.value === "";
    byId("verify-changed").hidden = !changed;
  }

  store.watch(["signed"], ({ signed }) => {
    data.value = signed?.request.data ?? "";
    signature.value = signed?.signature ?? "";
    showChanges();
  });
  store.watch(["signed", "certificates", "certificateId", "algorithm", "format"], (state) => {
    const against = whatIsVerified(state);
    byId("verify-form").hidden = !against;
    byId("verify-hint").hidden = Boolean(state.signed);
    if (!against) return;
    const { request, certificate } = against;
    const hash = hashOf(request.algorithm_reference);
    byId("verify-against").textContent = [
      titleOf(certificate),
      request.algorithm_reference,
      request.signature_format,
    ]
      .filter(Boolean)
      .join(", ");
    byId("verify-data-label").textContent = hash
      ? `${hashName(hash)} of the signed data, in base64`
      : "Message in base64";
  });
  store.watch(["verification"], ({ verification: { phase } }) => {
    byId("verify-button").setAttribute("aria-disabled", String(phase === "asking"));
    byId("verify-result").replaceChildren(...(OUTCOME[phase] ? [outcome(phase)] : []));
    if (OUTCOME[phase]) announce(OUTCOME[phase].title);
  });
  store.watch(["verification", "phase", "backAt"], (state) => {
    const { phase, error } = state.verification;
    showError(byId("verify-error"), phase === "failed" ? error : null, undefined, state);
  });
  store.watch(["verification", "signed", "certificates", "certificateId"], (state) => {
    const done = state.verification.phase === "valid" || state.verification.phase === "invalid";
    progress("verify", { done, waiting: !whatIsVerified(state) });
  });
}

/** The last signed request. If there is none, the choices of steps 3 and 4. */
function whatIsVerified(state) {
  if (state.signed) return state.signed;
  const certificate = chosenCertificate(state);
  const slot = chosenSlot(state);
  if (!certificate || !slot) return null;
  const request = {
    slot_id: slot.slot_id,
    cert_id: certificate.id,
    algorithm_reference: state.algorithm,
  };
  if (state.format) request.signature_format = state.format;
  return { moduleName: state.moduleName, certificate, request };
}

function outcome(phase) {
  const { tone, title, text } = OUTCOME[phase];
  return notice(
    { tone, title, attributes: { "data-testid": "outcome", "data-outcome": phase } },
    el("p", {}, text),
  );
}

/** Changes a character in the middle. The last one may have bits that are not used. */
function withOtherCharacter(base64) {
  const at = Math.floor(base64.length / 2);
  const other = base64[at] === "A" ? "B" : "A";
  return base64.slice(0, at) + other + base64.slice(at + 1);
}
