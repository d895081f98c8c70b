// Keeps the newest messages of each step: the exact texts of the client's "traffic" events. The
// client masks the PIN in them.

const STEP_OF_METHOD = {
  hello: "module",
  modules: "module",
  info: "module",
  slots: "slot",
  token: "slot",
  watchSlots: "slot",
  unwatchSlots: "slot",
  certificates: "certificate",
  signData: "sign",
  logout: "sign",
  verifySignedData: "verify",
  signDataBatch: "batch",
  cancel: "batch",
  authenticate: "login",
};
const KEPT_PER_STEP = 20;

/**
 * @typedef {{
 *   id: unknown, method: string, step: string, request: string, reply?: string,
 *   events?: number, lastEvent?: string, at: number, ms?: number,
 *   outcome: "pending" | "success" | "error" | "lost" | "late"
 * }} Exchange
 */

export function createWireLog() {
  /** @type {Map<string, Exchange[]>} */
  const steps = new Map();
  /** @type {((exchange: Exchange, dropped?: Exchange) => void)[]} */
  const watchers = [];
  const notify = (exchange, dropped) => watchers.forEach((watcher) => watcher(exchange, dropped));

  const pending = (matches) =>
    [...steps.values()]
      .flat()
      .findLast((exchange) => exchange.outcome === "pending" && matches(exchange));

  function sent(id, request) {
    const { method } = JSON.parse(request);
    const step = STEP_OF_METHOD[method] ?? "module";
    /** @type {Exchange} */
    const exchange = { id, method, step, request, at: performance.now(), outcome: "pending" };
    const exchanges = steps.get(step) ?? [];
    exchanges.push(exchange);
    steps.set(step, exchanges);
    notify(exchange, exchanges.length > KEPT_PER_STEP ? exchanges.shift() : undefined);
  }

  function received(id, reply) {
    if (id === null) {
      event(reply);
      return;
    }
    const exchange = pending((candidate) => candidate.id === id);
    if (!exchange) return;
    exchange.reply = reply;
    exchange.ms = performance.now() - exchange.at;
    exchange.outcome = isSuccess(reply) ? "success" : "error";
    notify(exchange);
  }

  // Show events only with the reply, because a batch sends progress many times a second.
  function event(text) {
    const { method, params } = JSON.parse(text);
    const exchange =
      method === "slot" ? watching() : pending((candidate) => candidate.id === params?.id);
    if (!exchange) return;
    exchange.events = (exchange.events ?? 0) + 1;
    exchange.lastEvent = text;
    if (exchange.outcome !== "pending") notify(exchange);
  }

  /** The request that started the `slot` events. */
  const watching = () => steps.get("slot")?.findLast(({ method }) => method === "watchSlots");

  function settle(exchange, outcome) {
    exchange.outcome = outcome;
    notify(exchange);
  }

  return {
    /** A listener for the client's "traffic" event. */
    record({ detail }) {
      if (detail.direction === "sent") sent(detail.id, detail.text);
      else received(detail.id, detail.text);
    },

    /** Marks the requests in flight as lost with the connection. */
    connectionLost() {
      for (let exchange; (exchange = pending(() => true));) settle(exchange, "lost");
    },

    /** Marks the pending request of the method: the client stopped waiting for its reply. */
    gaveUp(method) {
      const exchange = pending((candidate) => candidate.method === method);
      if (exchange) settle(exchange, "late");
    },

    /** Calls `watcher` with each new or changed exchange, and with the one that it replaces. */
    watch(watcher) {
      watchers.push(watcher);
    },
  };
}

function isSuccess(reply) {
  try {
    return "result" in JSON.parse(reply);
  } catch {
    return false;
  }
}
