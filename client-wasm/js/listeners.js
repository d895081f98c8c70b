/** The page's listeners: an `EventTarget` that knows which events have listeners. */
export class Listeners extends EventTarget {
  #kept = [];
  #changed;

  /** @param {() => void} changed called in a microtask after listeners were added or removed */
  constructor(changed) {
    super();
    this.#changed = changed;
  }

  // The WebAssembly reads these with every call. Passing it no name makes them faster.
  get hasSlot() {
    return this.#has("slot");
  }

  get hasTraffic() {
    return this.#has("traffic");
  }

  #has(type) {
    return this.#kept.some((kept) => kept.type === type);
  }

  addEventListener(type, callback, options) {
    const { capture, once, signal } = dictionary(options);
    const known = this.#find(type, callback, capture);
    const kept = {
      type: `${type}`,
      callback,
      capture: Boolean(capture),
      forget: () => this.#forget(kept),
    };
    // The browser calls `forget` right before the listener, and removes both after the call. If the
    // browser refuses the listener below, `forget` finds nothing to remove.
    if (once && !known) super.addEventListener(type, kept.forget, { capture, once, signal });
    super.addEventListener(type, callback, options);
    if (known || callback == null || signal?.aborted) return;
    signal?.addEventListener("abort", kept.forget, { once: true });
    this.#kept.push(kept);
    queueMicrotask(this.#changed);
  }

  removeEventListener(type, callback, options) {
    super.removeEventListener(type, callback, options);
    const kept = this.#find(type, callback, dictionary(options).capture);
    if (kept) this.#forget(kept);
  }

  /** The browser identifies a listener by these three. */
  #find(type, callback, capture) {
    return this.#kept.find(
      (kept) =>
        kept.type === `${type}` &&
        kept.callback === callback &&
        kept.capture === Boolean(capture),
    );
  }

  #forget(kept) {
    super.removeEventListener(kept.type, kept.forget, kept.capture);
    this.#kept = this.#kept.filter((other) => other !== kept);
    queueMicrotask(this.#changed);
  }
}

/** The last argument is an object, or the value of its field `capture`. */
const dictionary = (options) => (options === Object(options) ? options : { capture: options });
