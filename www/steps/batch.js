// Step 6: many signatures with one PIN, their progress and their outcome.

import { chosenCertificate, chosenSlot } from "../browse.js";
import { announce, byId, chip, el, facts } from "../dom.js";
import { plural } from "../format.js";
import { errorNotice, showError } from "../notices.js";
import { pinWaiting } from "../pin-entry.js";
import { titleOf } from "./certificate.js";
import { progress } from "./progress.js";
import { takePin } from "./sign.js";

export function batchStep(store, batch) {
  const showWaiting = pinWaiting(byId("batch-waiting"));

  byId("batch-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (isBusy(store.state.batch)) return;
    if (!chosenCertificate(store.state) || !chosenSlot(store.state)) return;
    batch.sign({ count: byId("batch-count").valueAsNumber, takePin: () => takePin(store.state) });
  });
  byId("cancel-batch").addEventListener("click", () => {
    if (store.state.batch.phase === "signing") batch.cancel();
  });
  byId("verify-batch").addEventListener("click", () => {
    if (store.state.batchVerification.phase !== "asking") batch.verify();
  });

  store.watch(["certificates", "certificateId", "algorithm", "format"], (state) => {
    const certificate = chosenCertificate(state);
    byId("batch-form").hidden = !certificate;
    const parts = certificate ? [titleOf(certificate), state.algorithm, state.format] : [];
    byId("batch-with").textContent = parts.filter(Boolean).join(", ");
  });
  store.watch(["batch"], (state) => {
    const { batch: now } = state;
    showProgress(now);
    showWaiting(state, now.phase === "signing" && Boolean(now.asks));
    byId("batch-result").hidden = now.phase !== "done";
    if (now.phase === "done") showResult(now);
  });
  store.watch(["batch", "phase", "backAt"], (state) => {
    showError(
      byId("batch-error"),
      state.batch.phase === "failed" ? state.batch.error : null,
      undefined,
      state,
    );
  });
  store.watch(["batchVerification"], ({ batchVerification: now }) => {
    byId("verify-batch").setAttribute("aria-disabled", String(now.phase === "asking"));
    byId("batch-verified").textContent = VERIFIED[now.phase]?.(now) ?? "";
  });
  store.watch(["batch", "certificates", "certificateId"], (state) => {
    const certificate = chosenCertificate(state);
    const done = state.batch.phase === "done" && state.batch.signatures > 0;
    progress("batch", {
      done,
      waiting: !certificate,
      summary: certificate ? `with ${titleOf(certificate)}` : "",
    });
  });
}

const isBusy = ({ phase }) => phase === "signing" || phase === "cancelling";

const VERIFIED = {
  asking: ({ done, total }) => `${done} of ${total}`,
  done: ({ valid, total }) =>
    valid === total ? `All ${total} are valid.` : `Only ${valid} of ${total} are valid.`,
  failed: ({ error }) => error.description ?? String(error),
};

function showProgress({ phase, done, total }) {
  const busy = isBusy({ phase });
  const button = byId("batch-button");
  button.setAttribute("aria-disabled", String(busy));
  button.textContent = busy ? "Signing …" : "Sign the batch";
  byId("batch-field").hidden = !busy;
  byId("cancel-batch").setAttribute("aria-disabled", String(phase === "cancelling"));
  byId("cancel-batch").textContent = phase === "cancelling" ? "Cancelling …" : "Cancel";
  if (!busy) return;
  const bar = byId("batch-progress");
  bar.max = total;
  // Without a value, the bar shows activity without progress.
  if (done === undefined) bar.removeAttribute("value");
  else bar.value = done;
  byId("batch-done").textContent = `${done ?? 0} of ${total}`;
}

function showResult({ signatures, errors, cancelled, kinds, ms, perSecond }) {
  const result = byId("batch-result");
  Object.assign(result.dataset, { signatures, errors, cancelled });
  byId("batch-title").textContent = plural(signatures, "signature");
  byId("batch-chips").replaceChildren(
    ...[
      signatures > 0 ? chip("Signed and checked", "good") : null,
      errors > 0 ? chip(plural(errors, "error"), "bad") : null,
      cancelled > 0 ? chip(`${cancelled} cancelled`, "warn") : null,
    ].filter(Boolean),
  );
  byId("batch-facts").replaceChildren(
    facts([
      ["Signatures", String(signatures)],
      ["Errors", String(errors)],
      ["Cancelled", String(cancelled)],
      ["Time, with PIN entry", `${(ms / 1000).toFixed(1)} s`],
      ["Per second", signatures > 0 ? perSecond.toFixed(perSecond < 10 ? 1 : 0) : ""],
    ]),
  );
  byId("batch-failures").replaceChildren(
    ...kinds.map(({ error, count: times }) =>
      errorNotice(
        error,
        el("p", { class: "notice-codes" }, `for ${plural(times, "hash", "hashes")}`),
      ),
    ),
  );
  byId("verify-batch").hidden = signatures === 0;
  announce(
    `${plural(signatures, "signature")}, ${plural(errors, "error")}, ${cancelled} cancelled`,
  );
}
