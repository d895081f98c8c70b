// Shows errors and outcomes as a person wants them: what happened, what to do, and the codes small.

import { el, icon } from "./dom.js";
import { explain } from "./failures.js";

const ICON_OF_TONE = { good: "check", bad: "cross", warn: "warning", plain: "info", accent: "info" };

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
 * The box of an error.
 * @param {any} error
 * @param {Node} [action] a button for what can be done about it
 * @param {{ phase?: string, backAt?: Date | null }} [connection] how it stands now
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

/** Puts an error into its place, or takes it away. */
export function showError(place, error, action, connection) {
  place.replaceChildren(...(error ? [errorNotice(error, action, connection)] : []));
}
