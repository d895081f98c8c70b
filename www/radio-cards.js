// A list of cards with one choice. The cards are native radio buttons, so arrow keys and screen
// readers work.

import { el, freshId } from "./dom.js";

/**
 * @typedef {{
 *   key: string, title: string, details: (Node | string)[], marks?: (Node | null)[]
 * }} Card
 * @param {HTMLElement} list where the cards go, inside a fieldset
 * @param {{ name: string, testId: string, onChoose: (key: string) => void }} options
 */
export function radioCards(list, { name, testId, onChoose }) {
  list.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === name) onChoose(target.value);
  });

  return {
    /** Shows the cards and keeps the keyboard focus. */
    show(/** @type {Card[]} */ cards, /** @type {string | undefined} */ chosen) {
      const focused = list.querySelector("input:focus")?.getAttribute("value");
      list.replaceChildren(
        ...cards.map((card) => cardView(card, name, testId, card.key === chosen)),
      );
      const inputs = [...list.querySelectorAll("input")];
      inputs.find(({ value }) => value === focused)?.focus({ preventScroll: true });
    },

    choose(/** @type {string | undefined} */ key) {
      for (const input of list.querySelectorAll("input")) input.checked = input.value === key;
    },
  };
}

function cardView({ key, title, details, marks = [] }, name, testId, checked) {
  const titleId = freshId();
  const detailsId = freshId();
  const radio = el("input", {
    type: "radio",
    name,
    value: key,
    "aria-labelledby": titleId,
    "aria-describedby": detailsId,
  });
  radio.checked = checked;
  return el(
    "label",
    { class: "card", "data-testid": testId, "data-key": key },
    radio,
    el(
      "span",
      { class: "card-text" },
      el("span", { class: "card-title", id: titleId }, title),
      el(
        "span",
        { class: "card-details", id: detailsId },
        ...details,
        el("span", { class: "chips" }, ...marks),
      ),
    ),
  );
}
