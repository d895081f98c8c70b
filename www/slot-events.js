// Tokens that come and go: says what happened, and has the slots read again.

export const initialSlotEvents = {
  /** The token that came or went last: `kind`, `label`, `slotId` and `at`. */
  slotNews: null,
  /** By module, whether its changes are told: `watching`, and `error` where they are not. */
  watches: {},
};

// Several readers may be plugged in at once.
const SETTLED_AFTER_MS = 60;

/**
 * @param {any} store
 * @param {{ slotChanged: (slotId?: unknown) => void, lookAgain: () => void }} browse
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
      // What changed before is not told.
      if (watching && module === store.state.moduleName) browse.lookAgain();
    },
  };
}
