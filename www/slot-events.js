// Handles inserted and removed tokens: shows the change and reads the slots again.

export const initialSlotEvents = {
  /** The last inserted or removed token: `kind`, `label`, `slotId` and `at`. */
  slotNews: null,
  /** For each module, whether the bridge watches its slots: `watching`, and `error` if not. */
  watches: {},
};

// The user may plug in several readers at once.
const SETTLED_AFTER_MS = 60;

/**
 * @param {any} store
 * @param {{ slotChanged: (slotId?: unknown) => void, refresh: () => void }} browse
 */
export function createSlotEvents(store, browse) {
  let timer = 0;
  let inserted;

  return {
    /** A listener for the client's "slot" event. */
    slot({ detail }) {
      if (detail.module !== store.state.moduleName) return;
      const { kind, slot_id: slotId, token } = detail;
      store.update({ slotNews: { kind, slotId, label: token?.label, at: new Date() } });
      if (kind === "inserted") inserted = slotId;
      clearTimeout(timer);
      timer = setTimeout(() => {
        browse.slotChanged(inserted);
        inserted = undefined;
      }, SETTLED_AFTER_MS);
    },

    /** A listener for its "watch" event. */
    watch({ detail: { module, watching, error } }) {
      store.update({ watches: { ...store.state.watches, [module]: { watching, error } } });
      // Events report only later changes, so read the current state.
      if (watching && module === store.state.moduleName) browse.refresh();
    },
  };
}
