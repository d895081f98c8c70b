// Where the user enters the PIN of the next signature, and what the page shows while it waits.

import { el } from "./dom.js";
import { needsLogin, takesPinAtDevice } from "./flags.js";
import { notice } from "./notices.js";

// If the page is logged in, the signature is there within this time, and no message is needed.
const WAITING_AFTER_MS = 700;

/** @returns {"none" | "pinpad" | "bridge" | "page"} */
export function pinEntry({ token, bridge, pinInPage }) {
  if (token.data && takesPinAtDevice(token.data)) return "pinpad";
  if (token.data && !needsLogin(token.data)) return "none";
  return pinInPage && mayBeInPage({ token, bridge }) ? "page" : "bridge";
}

/** Whether the user may enter the PIN in the page. */
export const mayBeInPage = ({ token, bridge }) =>
  bridge?.pin_entry === "page-or-native" &&
  !(token.data && (takesPinAtDevice(token.data) || !needsLogin(token.data)));

export const asksInPage = (state) => pinEntry(state) === "page";

/** The keys of the state that decide where the PIN is entered. */
export const pinEntryKeys = ["token", "bridge", "pinInPage"];

export const HINTS = {
  none: "This token needs no PIN.",
  pinpad: "You enter the PIN on the token's own pinpad. A message on the desktop says when.",
  bridge:
    "You enter the PIN in a window on the desktop, or in the terminal of the bridge. The window " +
    "says what you sign. This page never sees the PIN.",
  page:
    "The page sends the PIN to the bridge and does not keep it. If it is empty, the bridge asks " +
    "you.",
};

const WAITING = {
  pinpad: {
    title: "The token waits for its PIN",
    text: "Enter it on the reader's own pinpad. A message on the desktop says what you sign.",
  },
  bridge: {
    title: "Look for the bridge's window",
    text:
      "If the token needs its PIN, the bridge asks you for it in a window on the desktop. Enter " +
      "it there within a minute. The page then continues on its own.",
    hint:
      "No window? It may be behind this one. If the bridge has no desktop, it asks in the " +
      "terminal where you started it.",
  },
};

/** Where the user enters the PIN of a call without a `pin`. */
const askedFor = (state) => (asksInPage(state) ? "bridge" : pinEntry(state));

/**
 * Shows in `place` where to enter the PIN. It appears a moment after `isWaiting` starts and
 * disappears when `isWaiting` ends.
 * @param {HTMLElement} place
 * @returns {(state: any, isWaiting: boolean) => void}
 */
export function pinWaiting(place) {
  let timer = 0;
  return (state, isWaiting) => {
    if (!isWaiting) {
      clearTimeout(timer);
      timer = 0;
      place.replaceChildren();
      return;
    }
    const text = WAITING[askedFor(state)];
    if (!text || timer) return;
    timer = setTimeout(
      () => place.replaceChildren(waitingNotice(text, state.demoPin)),
      WAITING_AFTER_MS,
    );
  };
}

function waitingNotice({ title, text, hint }, demoPin) {
  const attributes = { role: "status", "data-testid": "pin-waiting" };
  return notice(
    { tone: "accent", title, attributes },
    el("p", {}, text),
    demoPin ? el("p", {}, "The demo's PIN is ", el("code", {}, demoPin), ".") : null,
    hint ? el("p", { class: "hint" }, hint) : null,
  );
}
