// Step 7: a log-in with the chosen certificate, and who the server says that the user is.

import { chosenCertificate, chosenSlot } from "../browse.js";
import { announce, byId, el, facts } from "../dom.js";
import { shortName } from "../names.js";
import { notice, showError } from "../notices.js";
import { pinWaiting } from "../pin-entry.js";
import { titleOf } from "./certificate.js";
import { progress } from "./progress.js";

export function loginStep(store, login) {
  const showWaiting = pinWaiting(byId("login-waiting"));

  byId("login-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const { state } = store;
    if (state.login.phase === "asking" || !chosenCertificate(state) || !chosenSlot(state)) return;
    login.logIn();
  });
  byId("replay-button").addEventListener("click", login.sendAgain);

  store.watch(["certificates", "certificateId"], (state) => {
    const certificate = chosenCertificate(state);
    byId("login-form").hidden = !certificate;
    byId("login-with").textContent = certificate ? titleOf(certificate) : "";
  });
  store.watch(["login"], (state) => {
    const { login: now } = state;
    const asking = now.phase === "asking";
    const button = byId("login-button");
    button.setAttribute("aria-disabled", String(asking));
    button.textContent = asking ? "Logging in …" : "Log in";
    showWaiting(state, asking);
    byId("login-result").hidden = now.phase !== "done";
    if (now.phase !== "done") return;
    showResult(now);
    announce("Logged in");
  });
  store.watch(["login", "phase", "backAt"], (state) => {
    const { phase, error, problem } = state.login;
    const place = byId("login-error");
    showError(place, phase === "failed" ? error : null, undefined, state);
    if (phase === "refused") place.replaceChildren(refused("The server refuses it", problem));
  });
  store.watch(["replay"], ({ replay }) => {
    const title = "Refused, as it should be";
    byId("replay-result").replaceChildren(...(replay ? [refused(title, replay, "good")] : []));
    if (replay) announce(title);
  });
  store.watch(["login", "certificates", "certificateId"], (state) => {
    const certificate = chosenCertificate(state);
    progress("login", {
      done: state.login.phase === "done",
      waiting: !certificate,
      summary: certificate ? `with ${titleOf(certificate)}` : "",
    });
  });
}

function showResult({ challenge, response, verified }) {
  const { certificate, algorithm } = verified;
  byId("login-title").textContent = `You are ${shortName(certificate.subject.text)}`;
  byId("login-facts").replaceChildren(
    facts([
      ["Certificate", certificate.subject.text, "wide"],
      ["Issuer", certificate.issuer.text, "wide"],
      ["Site", location.origin],
      ["Algorithm", algorithm],
      ["Challenge", challenge, "wide exact clamp"],
      ["Signature", response.signature, "wide exact clamp"],
    ]),
  );
}

function refused(title, problem, tone = "bad") {
  const attributes = { role: "alert", "data-testid": "refused", "data-tone": tone };
  return notice({ tone, title, attributes }, el("p", {}, problem));
}
