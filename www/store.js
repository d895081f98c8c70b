// The state of the page. Views subscribe to its keys. Views never call each other: they read the
// state and request changes.

/**
 * @template {object} State
 * @param {State} initial
 */
export function createStore(initial) {
  let state = Object.freeze({ ...initial });
  /** @type {{ keys: string[], view: (state: State) => void }[]} */
  const watchers = [];

  return {
    get state() {
      return state;
    },

    /** Replaces the given keys. Calls each view once if it watches a key whose value changed. */
    update(/** @type {Partial<State>} */ patch) {
      const changed = Object.keys(patch).filter((key) => state[key] !== patch[key]);
      if (changed.length === 0) return;
      state = Object.freeze({ ...state, ...patch });
      for (const { keys, view } of watchers) {
        if (keys.some((key) => changed.includes(key))) view(state);
      }
    },

    /** Calls `view` now and after each change of one of `keys`. */
    watch(/** @type {string[]} */ keys, /** @type {(state: State) => void} */ view) {
      watchers.push({ keys, view });
      view(state);
    },
  };
}

/** Data from the bridge. While the page loads it again, the old data stays. */
export const resource = {
  idle: Object.freeze({ status: "idle", data: undefined, error: undefined }),
  loading: (before) => ({ status: "loading", data: before.data, error: undefined }),
  ready: (data) => ({ status: "ready", data, error: undefined }),
  failed: (error) => ({ status: "failed", data: undefined, error }),
};
