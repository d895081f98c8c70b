// The page's one state, and who wants to know when which part of it changes. Views never talk to each
// other: they read the state and ask for changes.

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

    /** Replaces the named parts; the views that watch one that differs are called once. */
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

/** Something that is asked of the bridge. While it is asked for again, the old answer stays. */
export const resource = {
  idle: Object.freeze({ status: "idle", data: undefined, error: undefined }),
  loading: (before) => ({ status: "loading", data: before.data, error: undefined }),
  ready: (data) => ({ status: "ready", data, error: undefined }),
  failed: (error) => ({ status: "failed", data: undefined, error }),
};
