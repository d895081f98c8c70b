// Shows the JavaScript code, the requests and the replies of each step. On wide screens they are
// next to the step, on narrow screens folded below it.

import { copyButton } from "./clipboard.js";
import { el } from "./dom.js";
import { layOut } from "./json-text.js";
import { snippetKeys, snippets } from "./snippets.js";

const WIDE = matchMedia("(min-width: 70rem)");
const OUTCOME = {
  pending: { text: "waiting …", tone: "plain" },
  success: { text: "result", tone: "good" },
  error: { text: "error", tone: "bad" },
  lost: { text: "no reply", tone: "bad" },
  late: { text: "no reply in time", tone: "bad" },
};
const NO_REPLY = {
  pending: "Waiting for the reply …",
  lost: "The connection was lost before a reply came.",
  late: "The client stopped waiting. It drops a late reply.",
};

/**
 * Adds a column to each section with `data-step`.
 * @param {any} store
 * @param {ReturnType<typeof import("./wire-log.js").createWireLog>} wireLog
 */
export function showWire(store, wireLog) {
  const columns = new Map();
  for (const section of /** @type {NodeListOf<HTMLElement>} */ (
    document.querySelectorAll("section[data-step]")
  )) {
    columns.set(section.dataset.step, addColumn(section));
  }
  store.watch(snippetKeys, (state) => {
    for (const [step, { code }] of columns) {
      const text = snippets[step](state);
      if (code.textContent !== text) code.textContent = text;
    }
  });
  const shown = new Map();
  wireLog.watch((exchange, dropped) => {
    const column = columns.get(exchange.step);
    shown.get(dropped)?.remove();
    shown.delete(dropped);
    const before = shown.get(exchange);
    const element = exchangeView(exchange, before ? before.open : true);
    shown.set(exchange, element);
    if (before) {
      before.replaceWith(element);
      return;
    }
    for (const older of column.list.children) older.open = false;
    column.list.prepend(element);
    column.empty.hidden = true;
    column.count.textContent = String(column.list.childElementCount);
  });
}

function addColumn(section) {
  const title = section.querySelector("h2").dataset.title;
  const empty = el("p", { class: "wire-empty" }, "Nothing sent yet.");
  const list = el("div", { class: "wire-list" });
  const count = el("span", { class: "wire-count" }, "0");
  const summary = el("summary", {}, el("span", {}, "Code, requests and replies"), count);
  const code = el("pre", { class: "code", "data-testid": "code" });
  const snippet = el(
    "div",
    { class: "snippet" },
    code,
    copyButton(() => code.textContent, `Copy the code of ${title}`),
  );
  const fold = el(
    "details",
    { class: "wire", id: `wire-${section.dataset.step}` },
    summary,
    snippet,
    empty,
    list,
  );
  const follow = () => (fold.open = WIDE.matches);
  WIDE.addEventListener("change", follow);
  follow();
  section.append(
    el(
      "aside",
      { class: "wire-column", "aria-label": `Code, requests and replies of ${title}` },
      fold,
    ),
  );
  return { list, empty, count, code };
}

function exchangeView(exchange, open) {
  const { text, tone } = OUTCOME[exchange.outcome];
  const ms =
    exchange.ms === undefined
      ? ""
      : `${exchange.ms < 10 ? exchange.ms.toFixed(1) : exchange.ms.toFixed(0)} ms`;
  const summary = el(
    "summary",
    {},
    el("code", { class: "wire-method" }, exchange.method),
    el("span", { class: "wire-outcome", "data-tone": tone }, text),
    el("span", { class: "wire-time" }, ms),
  );
  const reply =
    exchange.reply === undefined
      ? el("p", { class: "wire-empty" }, NO_REPLY[exchange.outcome])
      : message("Reply", exchange.method, exchange.reply);
  const attributes = {
    class: "exchange",
    open,
    "data-testid": "exchange",
    "data-method": exchange.method,
    "data-outcome": exchange.outcome,
  };
  const events =
    exchange.lastEvent && message(eventTitle(exchange.events), exchange.method, exchange.lastEvent);
  const request = message("Request", exchange.method, exchange.request);
  const isAnswered = exchange.outcome !== "pending" && exchange.method === "watchSlots";
  return el(
    "details",
    attributes,
    summary,
    request,
    ...(isAnswered ? [reply, events] : [events, reply]),
  );
}

const eventTitle = (count) => (count === 1 ? "Event" : `Last of ${count} events`);

function message(title, method, json) {
  const code = el("pre", {
    class: "json",
    // On narrow screens this element scrolls, so the keyboard must be able to reach it.
    tabindex: WIDE.matches ? -1 : 0,
    role: "group",
    "aria-label": `${title} of ${method}`,
    "data-testid": title.toLowerCase(),
  });
  const { pieces, shortened } = layOut(json, false);
  fill(code, pieces);
  const wholeButton = el("button", { type: "button", class: "link" }, "Show in full");
  wholeButton.addEventListener("click", () => {
    fill(code, layOut(json, true).pieces);
    wholeButton.remove();
    code.focus();
  });
  return el(
    "div",
    { class: "message" },
    el(
      "div",
      { class: "message-head" },
      el("span", { class: "message-title" }, title),
      shortened ? wholeButton : null,
      copyButton(() => json, `Copy the ${title.toLowerCase()} of ${method}`),
    ),
    code,
  );
}

function fill(code, pieces) {
  code.replaceChildren(
    ...pieces.map(({ kind, text }) =>
      kind === "space" || kind === "mark" ? text : el("span", { class: `json-${kind}` }, text),
    ),
  );
}
