// The header of a step: its state (waiting for an earlier step, busy, done) and its summary.

import { byId } from "../dom.js";

/**
 * @param {string} step "module", "slot", "certificate", "sign" or "verify"
 * @param {{
 *   resources?: { status: string }[], done: boolean, waiting?: boolean, summary?: string
 * }} now
 */
export function progress(step, { resources = [], done, waiting = false, summary = "" }) {
  const section = byId(`step-${step}`);
  const busy = resources.some(({ status }) => status === "loading");
  section.dataset.state = waiting ? "waiting" : done ? "done" : "ready";
  section.toggleAttribute("data-busy", busy);
  byId(`${step}-waits`).hidden = !waiting;
  section.setAttribute("aria-busy", String(busy));
  byId(`summary-${step}`).textContent = summary;
}
