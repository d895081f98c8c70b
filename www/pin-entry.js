// Where the PIN of the next signature is entered, and what a person is told while it is waited for.

import { el } from "./dom.js";
import { needsLogin, takesPinAtDevice } from "./flags.js";
import { notice } from "./notices.js";

// A page that is logged in has its signature sooner than this, and then there is nothing to say.
const WAITING_AFTER_MS = 700;

/** @returns {"none" | "pinpad" | "bridge" | "page"} */
export function pinEntry({ token, bridge, pinInPage }) {
  if (token.data && takesPinAtDevice(token.data)) return "pinpad";
  if (token.data && !needsLogin(token.data)) return "none";
  return pinInPage && mayBeInPage({ token, bridge }) ? "page" : "bridge";
}

/** Whether there is a choice. */
export const mayBeInPage = ({ token, bridge }) =>
  bridge?.pin_entry === "page-or-native" &&
  !(token.data && (takesPinAtDevice(token.data) || !needsLogin(token.data)));

export const asksInPage = (state) => pinEntry(state) === "page";

/** The state that this is made of. */
export const pinEntryKeys = ["token", "bridge", "pinInPage"];

export const HINTS = {
  none: "This token asks for no PIN.",
  pinpad: "This token takes the PIN at its own pinpad. A message on the desktop says when.",
  bridge:
    "In a window on the desktop, or in the terminal where the bridge runs. The window says what is to be " +
    "signed, and this page never sees the PIN.",
  page: "It goes to the bridge with the call, and this page forgets it. If it is empty, the bridge asks you.",
};

const WAITING = {
  pinpad: {
    title: "The token waits for its PIN",
    text: "Enter it at the reader's own pinpad. A message on the desktop says what is to be signed.",
  },
  bridge: {
    title: "Look for the bridge's window",
    text:
      "Where the token needs its PIN, the bridge asks you for it in a window on the desktop. Enter it there, " +
      "within a minute; the page goes on by itself.",
    hint:
      "No window? It may be behind this one. Where the bridge has no desktop, it asks in the terminal that it " +
      "was started in.",
  },
};

/** Who is asked for the PIN of a call that brings none. */
const askedFor = (state) => (asksInPage(state) ? "bridge" : pinEntry(state));

/**
 * Shows in `place`, from a while after the start of `isWaiting` until its end, where to enter the PIN.
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
    timer = setTimeout(() => place.replaceChildren(waitingNotice(text, state.demoPin)), WAITING_AFTER_MS);
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
