// The names of the flags of CK_SLOT_INFO and CK_TOKEN_INFO (PKCS#11 3.2, section 3.2).

const SLOT = [
  [0x1, "Token present", "good", "CKF_TOKEN_PRESENT"],
  [0x2, "Removable device", "plain", "CKF_REMOVABLE_DEVICE"],
  [0x4, "Hardware slot", "plain", "CKF_HW_SLOT"],
];

const TOKEN = [
  [0x400, "Initialised", "good", "CKF_TOKEN_INITIALIZED"],
  [0x8, "User PIN set", "good", "CKF_USER_PIN_INITIALIZED"],
  [0x4, "Login required", "plain", "CKF_LOGIN_REQUIRED"],
  [0x100, "PIN entered at the device", "plain", "CKF_PROTECTED_AUTHENTICATION_PATH"],
  [0x1, "Random generator", "plain", "CKF_RNG"],
  [0x2, "Write-protected", "plain", "CKF_WRITE_PROTECTED"],
  [0x20, "Session state needs no key", "plain", "CKF_RESTORE_KEY_NOT_NEEDED"],
  [0x40, "Clock", "plain", "CKF_CLOCK_ON_TOKEN"],
  [0x200, "Dual operations", "plain", "CKF_DUAL_CRYPTO_OPERATIONS"],
  [0x800, "Secondary authentication", "plain", "CKF_SECONDARY_AUTHENTICATION"],
  [0x10000, "A wrong PIN was entered", "warn", "CKF_USER_PIN_COUNT_LOW"],
  [0x20000, "One PIN try left", "bad", "CKF_USER_PIN_FINAL_TRY"],
  [0x40000, "PIN locked", "bad", "CKF_USER_PIN_LOCKED"],
  [0x80000, "PIN has to be changed", "warn", "CKF_USER_PIN_TO_BE_CHANGED"],
  [0x100000, "A wrong officer PIN was entered", "warn", "CKF_SO_PIN_COUNT_LOW"],
  [0x200000, "One officer PIN try left", "warn", "CKF_SO_PIN_FINAL_TRY"],
  [0x400000, "Officer PIN locked", "warn", "CKF_SO_PIN_LOCKED"],
  [0x800000, "Officer PIN has to be changed", "warn", "CKF_SO_PIN_TO_BE_CHANGED"],
  [0x1000000, "Failed its self-test", "bad", "CKF_ERROR_STATE"],
  [0x2000000, "Random generator needs a seed", "plain", "CKF_SEED_RANDOM_REQUIRED"],
  [0x4000000, "Asynchronous sessions", "plain", "CKF_ASYNC_SESSION_SUPPORTED"],
];

const TOKEN_PRESENT = 0x1;
const LOGIN_REQUIRED = 0x4;
const USER_PIN_INITIALIZED = 0x8;
const PROTECTED_PATH = 0x100;
const TOKEN_INITIALIZED = 0x400;
const PIN_COUNT_LOW = 0x10000;
const PIN_FINAL_TRY = 0x20000;
const PIN_LOCKED = 0x40000;
const PIN_TO_BE_CHANGED = 0x80000;

/**
 * @typedef {{ text: string, tone: string, name: string }} FlagWord
 * @returns {FlagWord[]}
 */
export const slotFlags = (flags) => inWords(SLOT, flags);

/** @returns {FlagWord[]} */
export const tokenFlags = (flags) => inWords(TOKEN, flags);

export const hasToken = (slot) => isSet(slot.flags, TOKEN_PRESENT);
export const isInitialised = (token) => isSet(token.flags, TOKEN_INITIALIZED);
export const takesPinAtDevice = (token) => isSet(token.flags, PROTECTED_PATH);
export const needsLogin = (token) => isSet(token.flags, LOGIN_REQUIRED);

/** What the token reports about the remaining PIN tries. */
export function pinState({ flags }) {
  if (!isSet(flags, USER_PIN_INITIALIZED)) {
    return { tone: "warn", text: "No user PIN is set yet. Set one with the token's own software." };
  }
  if (isSet(flags, PIN_LOCKED)) {
    return {
      tone: "bad",
      text: "The PIN is locked. Unlock it with the token's own software or ask its issuer.",
    };
  }
  if (isSet(flags, PIN_FINAL_TRY)) {
    return { tone: "bad", text: "One try is left: another wrong PIN locks the token." };
  }
  if (isSet(flags, PIN_COUNT_LOW)) {
    return {
      tone: "warn",
      text: "A wrong PIN was entered since the last correct PIN. More than one try is left.",
    };
  }
  if (isSet(flags, PIN_TO_BE_CHANGED)) {
    return { tone: "warn", text: "Change the PIN before you use it." };
  }
  return { tone: "good", text: "no wrong PIN since the last correct PIN, according to the token." };
}

// The bit operators of JavaScript have 32 bits. A CK_FLAGS may have 64.
const isSet = (flags, bit) => (BigInt(flags) & BigInt(bit)) !== 0n;

function inWords(table, flags) {
  const known = table.filter(([bit]) => isSet(flags, bit));
  const rest = known.reduce((left, [bit]) => left & ~BigInt(bit), BigInt(flags));
  const words = known.map(([, text, tone, name]) => ({ text, tone, name }));
  if (rest !== 0n) {
    const hex = `0x${rest.toString(16)}`;
    words.push({ text: `Other flags ${hex}`, tone: "plain", name: "not defined by PKCS#11 3.2" });
  }
  return words;
}
