// The key of the bridge that pages of this origin know, and the port on which it answered last, as
// `{ key, port }`. IndexedDB keeps it. Without IndexedDB, which some browsers have in no private
// window and no sandbox, it lasts as long as the page.

let memory;

/** The known key. `undefined` if there is none. */
export async function recall() {
  return (await transact("readonly", (store) => store.get(ENTRY))) ?? memory;
}

/** Remembers a key that a bridge has proved. */
export async function remember(key, port) {
  memory = { key, port };
  await transact("readwrite", (store) => store.put(memory, ENTRY));
}

/** Forgets the known key, so that the next `connect` takes the bridge that it finds. */
export async function forgetBridgeKey() {
  memory = undefined;
  await transact("readwrite", (store) => store.delete(ENTRY));
}

/** The fingerprints that a page passes, in lower case. `undefined` if they are something else. */
export function fingerprints(keys) {
  if (keys == null) return [];
  const list = typeof keys === "string" ? [keys] : keys;
  const isFingerprint = (key) => typeof key === "string" && /^[0-9a-f]{64}$/i.test(key);
  if (!Array.isArray(list) || list.length === 0 || !list.every(isFingerprint)) return undefined;
  return list.map((key) => key.toLowerCase());
}

/** The result of one request. `undefined` if the browser stores nothing. */
function transact(mode, request) {
  const work = async () => {
    const database = await opened();
    try {
      return await done(request(database.transaction(STORE, mode).objectStore(STORE)));
    } finally {
      database.close();
    }
  };
  // Some browsers never answer when storage is broken.
  const limit = new Promise((resolve) => setTimeout(resolve, LIMIT));
  return Promise.race([work(), limit]).catch(() => undefined);
}

function opened() {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  return done(opening);
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const DATABASE = "pkcs11-bridge-client";
const STORE = "bridge";
const ENTRY = "known";
const LIMIT = 2000;
