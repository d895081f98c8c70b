// Panels for the whole page: the state of the connection, help if the bridge cannot be reached, and
// the approval of the page.

import { copy } from "./clipboard.js";
import { byId, el } from "./dom.js";
import { isBlocked, RESTART_DEMO, withoutCommand } from "./failures.js";
import { clock } from "./format.js";
import { notice } from "./notices.js";

const PHASES = {
  connecting: "Connecting …",
  open: "Connected",
  lost: "Connection lost, reconnecting …",
  unreachable: "Bridge not reachable",
  asked: "Connected, waiting for your answer",
  refused: "Connected, not approved",
  broken: "Not connected",
};

export function showPanels(store, connection) {
  const { origin } = location;
  byId("asked-origin").textContent = origin;
  byId("refused-demo").textContent = RESTART_DEMO;
  for (const [button, action] of [
    ["retry-connect", connection.retry],
    ["retry-refused", connection.retry],
  ]) {
    byId(button).addEventListener("click", () => whileBusy(byId(button), action));
  }
  for (const name of ["start", "refused"]) {
    byId(`copy-${name}`).addEventListener("click", ({ currentTarget }) =>
      copy(byId(`${name}-command`).textContent, currentTarget),
    );
  }

  store.watch(
    ["phase", "asked", "refused", "bridge", "ports", "clientError", "backAt"],
    ({ phase, asked, refused, bridge, ports, clientError, backAt }) => {
      const open = asked ? "asked" : refused ? "refused" : "open";
      const shown = clientError ? "broken" : phase === "open" ? open : phase;
      byId("connection-status").dataset.phase = shown;
      byId("connection-text").textContent = PHASES[shown];
      const address = ports && ports[0] === ports[1] ? `127.0.0.1:${ports[0]}` : "";
      const name = bridge && `${bridge.name} ${bridge.version}`;
      const parts =
        phase === "open" ? [address, name, backAt && `back since ${clock(backAt)}`] : [address];
      byId("connection-detail").textContent = parts.filter(Boolean).join(" · ");
    },
  );
  let shownError = "";
  store.watch(["phase", "asked", "refused", "clientError", "demoPin", "modules"], (state) => {
    const { phase, asked, refused, clientError, demoPin } = state;
    const isAsked = asked && phase === "open";
    const isRefused = Boolean(refused) && phase === "open" && !isAsked;
    byId("panel-asked").hidden = !isAsked;
    byId("panel-refused").hidden = !isRefused;
    const text = refused?.text ?? "";
    const blocked = isBlocked(text);
    byId("title-refused").textContent = blocked
      ? "You blocked this page"
      : "This page is not approved";
    byId("refused-text").textContent = demoPin ? withoutCommand(text) : text;
    const action = blocked ? "unblock" : "allow";
    byId("refused-command").textContent = `pkcs11-bridge origins ${action} ${origin}`;
    byId("retry-refused").textContent = blocked ? "Try again" : "Ask again";
    // The bridge answers the same until the demo has started again.
    byId("retry-refused").hidden = blocked && Boolean(demoPin);
    // The time shows that an answer is new, even if its text is the same as before.
    byId("refused-time").textContent = refused ? `Answered at ${clock(refused.at)}.` : "";
    // The demo has a state file of its own, so the command would not change its approvals.
    byId("refused-approve").hidden = Boolean(demoPin);
    byId("refused-demo").hidden = !demoPin;
    byId("panel-unreachable").hidden = phase !== "unreachable" || Boolean(clientError);
    // Each attempt has a new error object. Show the same message only once.
    if (shownError !== (clientError?.message ?? "")) {
      shownError = clientError?.message ?? "";
      byId("panel-client").replaceChildren(...(shownError ? [clientNotice(shownError)] : []));
    }
    byId("start-command").textContent = demoPin ? "pkcs11-bridge demo" : "pkcs11-bridge";
    byId("steps").hidden = isAsked || isRefused || !hasAnything(state);
    byId("demo-note").hidden = !demoPin;
    byId("demo-note-pin").textContent = demoPin ?? "";
  });
}

/** Whether the page has data to show. It keeps showing that data while the bridge is away. */
const hasAnything = ({ phase, modules }) => phase === "open" || modules.status !== "idle";

const clientNotice = (text) =>
  notice(
    { tone: "bad", title: "The page's client does not work", attributes: { role: "alert" } },
    el("p", {}, text),
  );

async function whileBusy(button, action) {
  button.setAttribute("aria-disabled", "true");
  try {
    await action();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}
