// What concerns the page as a whole: the state of the connection, a bridge that cannot be reached, and
// whether the user has approved the page.

import { copy } from "./clipboard.js";
import { byId, el } from "./dom.js";
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
  byId("refused-command").textContent = `pkcs11-bridge origins allow ${origin}`;
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
      const parts = phase === "open" ? [address, name, backAt && `back since ${clock(backAt)}`] : [address];
      byId("connection-detail").textContent = parts.filter(Boolean).join(" · ");
    },
  );
  let told = "";
  store.watch(["phase", "asked", "refused", "clientError", "demoPin", "modules"], (state) => {
    const { phase, asked, refused, clientError, demoPin } = state;
    const isAsked = asked && phase === "open";
    const isRefused = Boolean(refused) && phase === "open" && !isAsked;
    byId("panel-asked").hidden = !isAsked;
    byId("panel-refused").hidden = !isRefused;
    byId("refused-text").textContent = refused?.text ?? "";
    // The same answer again shall be seen to be a new one.
    byId("refused-time").textContent = refused ? `Answered at ${clock(refused.at)}.` : "";
    // The demo keeps its approvals in a file of its own, which ends with it.
    byId("refused-approve").hidden = Boolean(demoPin);
    byId("refused-demo").hidden = !demoPin;
    byId("panel-unreachable").hidden = phase !== "unreachable" || Boolean(clientError);
    // Each attempt has an error of its own; the same words are not said twice.
    if (told !== (clientError?.message ?? "")) {
      told = clientError?.message ?? "";
      byId("panel-client").replaceChildren(...(told ? [clientNotice(told)] : []));
    }
    byId("start-command").textContent = demoPin
      ? "pkcs11-bridge demo"
      : "pkcs11-bridge";
    byId("steps").hidden = isAsked || isRefused || !hasAnything(state);
    byId("demo-note").hidden = !demoPin;
    byId("demo-note-pin").textContent = demoPin ?? "";
  });
}

/** Once there is something to see it stays, also while the bridge is away. */
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
