// Step 1: the modules that this page may use, and the description of the chosen module.

import { byId, chip, el, facts } from "../dom.js";
import { clock, plural } from "../format.js";
import { showError } from "../notices.js";
import { radioCards } from "../radio-cards.js";
import { timeUntil } from "../suspension.js";
import { progress } from "./progress.js";

const STATES = {
  available: { text: "Available", tone: "plain", meaning: "Not started. The next call starts it." },
  running: { text: "Running", tone: "good", meaning: "Started for this page." },
  missing: { text: "File missing", tone: "bad", meaning: "The configured file does not exist." },
  not_ready: { text: "Not ready", tone: "warn", meaning: "Its device or service may be missing." },
  set_aside: { text: "Suspended", tone: "warn", meaning: "Suspended after repeated failures." },
};

export function moduleStep(store, browse) {
  const cards = radioCards(byId("module-list"), {
    name: "module",
    testId: "module-option",
    onChoose: browse.chooseModule,
  });
  byId("refresh-modules").addEventListener("click", browse.refreshModules);

  store.watch(["modules"], ({ modules, moduleName }) => {
    cards.show((modules.data ?? []).map(card), moduleName);
    byId("no-modules").hidden = modules.data?.length !== 0;
    byId("module-choice").hidden = !modules.data?.length;
    showError(byId("modules-error"), modules.error);
  });
  store.watch(["moduleName"], ({ moduleName }) => cards.choose(moduleName));
  store.watch(["info"], ({ info }) => {
    byId("library-info").replaceChildren(...(info.data ? [libraryFacts(info.data)] : []));
  });
  let ticking = 0;
  store.watch(["info", "retryAt"], ({ info, retryAt }) => {
    clearInterval(ticking);
    // A screen reader must not read it every second.
    const attributes = { class: "notice-advice", "data-testid": "trial", "aria-live": "off" };
    const retryNotice = retryAt && info.error ? el("p", attributes) : undefined;
    showError(byId("info-error"), info.error, retryNotice);
    if (!retryNotice) return;
    const say = () => {
      retryNotice.textContent =
        `The bridge tries it again at ${clock(retryAt)}, in ${timeUntil(retryAt)}. ` +
        "This page then continues on its own.";
    };
    say();
    ticking = setInterval(say, 1_000);
  });
  store.watch(["modules", "info", "moduleName"], ({ modules, info, moduleName }) => {
    const summary = modules.data ? plural(modules.data.length, "module") : "";
    const waiting = modules.status === "idle";
    progress("module", {
      resources: [modules, info],
      done: Boolean(moduleName && info.data),
      waiting,
      summary,
    });
  });
}

function card({ name, description, state }) {
  const { text, tone, meaning } = STATES[state] ?? {
    text: state,
    tone: "plain",
    meaning: undefined,
  };
  return { key: name, title: name, details: [description], marks: [chip(text, tone, meaning)] };
}

function libraryFacts(info) {
  return el(
    "div",
    { class: "detail-panel", "data-testid": "library" },
    facts([
      ["Library", info.library_description],
      ["Manufacturer", info.manufacturer_id],
      ["Library version", info.library_version],
      ["Cryptoki version", info.cryptoki_version],
    ]),
  );
}
