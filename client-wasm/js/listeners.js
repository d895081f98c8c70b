/** The page's listeners: an `EventTarget` that knows for which events somebody listens. */
export class Listeners extends EventTarget {
  #kept = [];
  #changed;

  /** @param {() => void} changed called after listeners came or went, in a microtask */
  constructor(changed) {
    super();
    this.#changed = changed;
  }

  // Two that are asked with every call, without a name that would have to come out of the WebAssembly.
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
    const kept = { type: `${type}`, callback, capture: Boolean(capture), forget: () => this.#forget(kept) };
    // Called right before the listener that it stands for, so exactly where the browser calls and drops that
    // one. Where that is refused below, it forgets what was never kept.
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

  /** As the browser does, by these three. */
  #find(type, callback, capture) {
    return this.#kept.find(
      (kept) => kept.type === `${type}` && kept.callback === callback && kept.capture === Boolean(capture),
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
