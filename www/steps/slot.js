// Step 2: the slots, and the token in the chosen slot.

import { chosenSlot, slotKey } from "../browse.js";
import { byId, chip, el, facts, icon } from "../dom.js";
import {
  hasToken,
  isInitialised,
  pinState,
  slotFlags,
  takesPinAtDevice,
  tokenFlags,
} from "../flags.js";
import { bytes, clock, count, plural } from "../format.js";
import { notice, showError } from "../notices.js";
import { radioCards } from "../radio-cards.js";
import { progress } from "./progress.js";

export function slotStep(store, browse) {
  const cards = radioCards(byId("slot-list"), {
    name: "slot",
    testId: "slot-option",
    onChoose: browse.chooseSlot,
  });
  byId("refresh-slots").addEventListener("click", browse.refreshSlots);
  byId("only-with-token").addEventListener("change", ({ target }) =>
    browse.showOnlyWithToken(target.checked),
  );

  store.watch(["slots", "tokens"], ({ slots, tokens, slotKey: chosen }) => {
    cards.show(
      (slots.data ?? []).map((slot) => card(slot, tokens.data ?? [])),
      chosen,
    );
    byId("slot-choice").hidden = !slots.data?.length;
    byId("no-slots").hidden = slots.data?.length !== 0;
    showError(byId("slots-error"), slots.error ?? tokens.error);
  });
  store.watch(["slotNews"], ({ slotNews }) => {
    byId("slot-news").replaceChildren(...(slotNews ? news(slotNews) : []));
  });
  store.watch(
    ["watches", "moduleName", "phase", "slots"],
    ({ watches, moduleName, phase, slots }) => {
      const watch = phase === "open" && slots.status !== "idle" ? watches[moduleName] : undefined;
      byId("slot-live").textContent = watch ? live(watch) : "";
      byId("slot-live").dataset.watching = String(Boolean(watch?.watching));
    },
  );
  store.watch(["slotKey"], ({ slotKey: chosen }) => cards.choose(chosen));
  store.watch(["token", "slots", "slotKey"], (state) => {
    const slot = chosenSlot(state);
    byId("no-token").hidden = !slot || hasToken(slot);
    byId("token-details").replaceChildren(
      ...(state.token.data ? [tokenView(state.token.data)] : []),
    );
    showError(byId("token-error"), state.token.error);
  });
  store.watch(["slots", "token", "info"], ({ slots, token, info }) => {
    const waiting = slots.status === "idle" && info.status !== "loading";
    byId("slot-filter").hidden = waiting;
    const withToken = slots.data?.filter(hasToken).length;
    const summary = slots.data
      ? `${plural(slots.data.length, "slot")}, ${plural(withToken, "token")}`
      : "";
    progress("slot", { resources: [slots, token], done: Boolean(token.data), waiting, summary });
  });
}

function card(slot, tokens) {
  const token = tokens.find(({ slot_id }) => slotKey(slot_id) === slotKey(slot.slot_id));
  const title =
    token?.label ||
    (token && !isInitialised(token) ? "Token not set up" : slot.description) ||
    "Slot";
  const versions = `hardware ${slot.hardware_version}, firmware ${slot.firmware_version}`;
  return {
    key: slotKey(slot.slot_id),
    title,
    details: [
      el(
        "span",
        { class: "line" },
        title === slot.description ? versions : `${slot.description}, ${versions}`,
      ),
      el("span", { class: "line mono" }, `slot_id ${slot.slot_id}`),
    ],
    marks: slotFlags(slot.flags).map(flagChip),
  };
}

function news({ kind, label, slotId, at }) {
  const token = label ? `“${label}”` : `The token in slot ${slotId}`;
  const happened = kind === "inserted" ? "was inserted" : "was removed";
  return [icon("info"), el("span", {}, `${token} ${happened} at ${clock(at)}.`)];
}

const live = ({ watching, error }) =>
  watching
    ? "This list updates on its own when a token is inserted or removed."
    : `This list does not update on its own at the moment, so refresh it. ${error.description}`;

const flagChip = ({ text, tone, name }) => chip(text, tone, name);

function tokenView(token) {
  return el(
    "div",
    { class: "detail-panel", "data-testid": "token" },
    el("h3", {}, token.label || "Token without a label"),
    el("p", { class: "chips" }, ...tokenFlags(token.flags).map(flagChip)),
    facts([
      ["Manufacturer", token.manufacturer_id],
      ["Model", token.model],
      ["Serial number", token.serial_number, "exact"],
      ["Versions", `hardware ${token.hardware_version}, firmware ${token.firmware_version}`],
      ["PIN length", `${count(token.min_pin_length)} to ${count(token.max_pin_length)} bytes`],
      ["Sessions", outOf(token.session_count, token.max_session_count)],
      ["Read/write sessions", outOf(token.rw_session_count, token.max_rw_session_count)],
      ["Public memory", memory(token.free_public_memory, token.total_public_memory)],
      ["Private memory", memory(token.free_private_memory, token.total_private_memory)],
      ["PIN entry", takesPinAtDevice(token) ? "on the device's own pinpad" : "in software"],
    ]),
    pinView(token),
  );
}

/** The PIN state: a line if all is well, otherwise a box. */
function pinView(token) {
  const attributes = { "data-testid": "pin-state" };
  if (!isInitialised(token)) {
    const title = "This token is not set up yet";
    return notice(
      { tone: "warn", title, attributes },
      el("p", {}, "Set it up with its own software, then refresh."),
    );
  }
  const { tone, text } = pinState(token);
  if (tone !== "good") return notice({ tone, title: "PIN tries", attributes }, el("p", {}, text));
  return el("p", { class: "good-line", ...attributes }, icon("check"), `PIN tries: ${text}`);
}

function outOf(open, most) {
  if (open == null && most == null) return "not reported";
  return `${count(open)} open, ${limit(most)}`;
}

function limit(most) {
  if (most === "unlimited") return "no limit";
  return most == null ? "no limit reported" : `at most ${count(most)}`;
}

function memory(free, total) {
  if (free == null && total == null) return "not reported";
  if (total == null) return `${bytes(free)} free`;
  return `${bytes(free)} free of ${bytes(total)}`;
}
