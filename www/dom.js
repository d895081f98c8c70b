// Creates elements. Sets values from a token, a certificate or the bridge as text, never as HTML.

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `on` holds event listeners. Attributes that are
 *   `false`,
 *   `null` or `undefined` are left out.
 * @param {...(Node | string | null | undefined)} children
 * @returns {any}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, listener);
      }
    } else if (value !== false && value != null) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/**
 * The element of index.html with this id.
 * @returns {any}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element;
}

/** An icon of style/icons.css. Screen readers skip it: the text next to it says the same. */
export const icon = (name) =>
  el("span", { class: "icon", "data-icon": name, "aria-hidden": "true" });

/** A small label. `tone` is "plain", "good", "warn" or "bad". */
export const chip = (text, tone = "plain", title = undefined) =>
  el("span", { class: "chip", "data-tone": tone, title }, text);

/** Names and values as a description list. Pairs without a value are left out. */
export function facts(pairs) {
  const rows = pairs
    .filter(([, value]) => value != null && value !== "")
    .map(([name, value, kind]) =>
      el("div", { class: kind }, el("dt", {}, name), el("dd", {}, value)),
    );
  return el("dl", { class: "facts" }, ...rows);
}

let lastId = 0;

/** An id for elements that refer to each other. */
export const freshId = () => `e${(lastId += 1)}`;

/** Announces a change to screen readers. */
export function announce(text) {
  const announcer = byId("announcer");
  // Screen readers ignore a text that does not change, so clear it first.
  announcer.textContent = "";
  requestAnimationFrame(() => (announcer.textContent = text));
}
