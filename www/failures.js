// What each row of the bridge's error table means to a person at this page: a title and, where this page
// offers something to do about it, what. The bridge's own text says what happened.

import { clock } from "./format.js";

const ROWS = {
  "400/800": [
    "The bridge did not understand the message",
    "Page and bridge may be of different versions: reload the page.",
  ],
  "400/801": ["The bridge did not accept the input"],
  "401/500": ["This page is not approved"],
  "408/110": [
    "No PIN was entered in time",
    "Sign again, and look for the bridge's window: it may be behind this one, or in the terminal.",
  ],
  "408/900": [
    "No answer in time",
    "The token may be busy, or waiting for something such as a PIN on its own pinpad. Try again.",
  ],
  "412/1": ["There is no such slot", "Refresh the slots in step 2."],
  "412/101": ["There is no token in the slot", "Put the token in, then try again."],
  "412/104": [
    "One try of the PIN is left",
    "The bridge takes the last try only in its own window. Make sure of the PIN first: a wrong one locks it.",
  ],
  "412/105": [
    "The PIN is locked",
    "Unlock it with the token's own software, often with a code named PUK, or ask its issuer.",
  ],
  "412/106": ["The PIN was not accepted", "Step 2 shows what the token tells of the tries that are left."],
  "412/109": ["PIN entry was cancelled", "Nothing was signed. Sign again when you are ready."],
  "412/300": [
    "The module cannot be used",
    "Choose another module in step 1, or set this one right and refresh.",
  ],
  "412/401": ["The login ended"],
  "412/404": ["Certificate or key not found", "Choose another certificate, or refresh step 3."],
  "412/405": ["The token cannot do this algorithm", "Choose another algorithm."],
  "499/803": ["Cancelled", "Nothing was sent."],
  "429/802": ["Too many calls at once", "Wait for some of them to end, then try again."],
  "500/900": ["The bridge or its module failed", "Try again; if it stays so, the bridge's log says more."],
  "500/999": ["The bridge cannot be reached", "As soon as the page is connected again, try again."],
};

/** Failures after which the PIN field is the place to go on. */
export const isWrongPin = (error) => error.status === 412 && String(error.code) === "106";
/** Failures after which only the bridge's own window takes the PIN. */
export const isLastTry = (error) => error?.status === 412 && String(error.code) === "104";
export const isCancelled = (error) => error.status === 499;
export const isUnreachable = (error) => error.status === 500 && String(error.code) === "999";
export const isNotApproved = (error) => error.status === 401;
export const isModuleUnavailable = (error) => error?.status === 412 && String(error.code) === "300";
/** Failures after which the bridge may think otherwise of the module. */
export const isModuleFailure = (error) => isLate(error) || isModuleUnavailable(error) || isInternal(error);
const isInternal = (error) => error?.status === 500 && String(error.code) === "900";
export const isSetAside = (error) => isModuleUnavailable(error) && / is set aside /.test(error.description ?? "");
export const isLate = (error) => error.status === 408 && String(error.code) === "900";

/** The call that was in flight when the connection was lost, where that is what the error tells. */
const lostCall = (error) => /lost before (\w+) was answered/.exec(error.description ?? "")?.[1];

/** What becomes of a call that the bridge did not answer, while it is away and when it is back. */
function unanswered(error, { phase, backAt }) {
  const method = lostCall(error);
  const title = method ? `${method} was lost with the connection` : ROWS["500/999"][0];
  if (phase !== "open") {
    return [
      title,
      "Nothing is sent again. The page looks for the bridge by itself, and says here when it is back.",
    ];
  }
  const back = backAt ? `The bridge is back since ${clock(backAt)}. ` : "";
  return [title, `${back}Nothing was sent again: repeat it if you still want it.`];
}

/**
 * @param {any} error a RestException, or whatever else was thrown
 * @param {{ phase?: string, backAt?: Date | null }} connection how it stands now
 * @returns {{ title: string, text: string, advice?: string, row?: string, pkcs11?: string }}
 */
export function explain(error, connection = {}) {
  if (error?.status === undefined) {
    return { title: "Something unexpected happened in this page", text: String(error?.message ?? error) };
  }
  const row = `${error.status}/${error.code}`;
  const [title, advice] = isUnreachable(error)
    ? unanswered(error, connection)
    : isSetAside(error)
      ? ["The module is set aside for a while"]
      : (ROWS[row] ?? ["The bridge reported an error"]);
  return { title, advice, row, pkcs11: error.pkcs11, text: error.description ?? error.message };
}
