// Shows errors and outcomes: what happened, what to do, and the codes in small print.

import { el, icon } from "./dom.js";
import { explain } from "./failures.js";

const ICON_OF_TONE = {
  good: "check",
  bad: "cross",
  warn: "warning",
  plain: "info",
  accent: "info",
};

/** A box with a title and texts. `tone` is "good", "bad", "warn", "accent" or "plain". */
export function notice({ tone, title, attributes = {} }, ...content) {
  return el(
    "div",
    { class: "notice", "data-tone": tone, ...attributes },
    icon(ICON_OF_TONE[tone]),
    el("div", { class: "notice-text" }, el("p", { class: "notice-title" }, title), ...content),
  );
}

/**
 * The box for an error.
 * @param {any} error
 * @param {Node} [action] a button that helps with the error
 * @param {{ phase?: string, backAt?: Date | null }} [connection] its current state
 */
export function errorNotice(error, action, connection) {
  const { title, text, advice, row, pkcs11 } = explain(error, connection);
  const attributes = {
    role: "alert",
    "data-testid": "error",
    "data-status": error?.status,
    "data-code": error?.code,
    "data-pkcs11": pkcs11,
  };
  const codes = [row && `status ${error.status}`, row && `code ${error.code}`, pkcs11]
    .filter(Boolean)
    .join(" · ");
  return notice(
    { tone: "bad", title, attributes },
    el("p", {}, text),
    advice ? el("p", { class: "notice-advice" }, advice) : null,
    codes ? el("p", { class: "notice-codes" }, codes) : null,
    action,
  );
}

/** Shows an error in `place`, or removes it. */
export function showError(place, error, action, connection) {
  place.replaceChildren(...(error ? [errorNotice(error, action, connection)] : []));
}
