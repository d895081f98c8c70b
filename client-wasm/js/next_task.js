/**
 * Resolves in a task of its own, so that the page can draw and react first. Browsers stretch
 * nested timers to at least four milliseconds, and run what `scheduler.yield` continues before the
 * timers and messages of the page.
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
