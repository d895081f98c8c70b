/**
 * Resolves in a new task, so that the page can draw and react first. A timer would take longer:
 * browsers delay nested timers by at least four milliseconds. `scheduler.yield` would resolve too
 * early: browsers prefer it to the page's timers and messages.
 */
export function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
