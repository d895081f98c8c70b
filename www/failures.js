// The title of each error of the bridge, and advice if the user can do something in this page. The
// bridge's own text says what happened.

import { clock } from "./format.js";
import { retryAt } from "./suspension.js";

const TITLES = {
  "400/800": [
    "The bridge did not understand the message",
    "The page and the bridge may have different versions. Reload the page.",
  ],
  "400/801": ["The bridge did not accept the input"],
  "401/500": ["This page is not approved"],
  "408/110": [
    "No PIN was entered in time",
    "Sign again and look for the bridge's window. It may be behind this one, or in the terminal.",
  ],
  "408/900": [
    "No answer in time",
    "The token may be busy, or may wait for a PIN on its own pinpad. Try again.",
  ],
  "409/804": [
    "The bridge has another key",
    "Another program may pretend to be the bridge. Compare the key with `pkcs11-bridge key`.",
  ],
  "409/805": [
    "The program on the port of the bridge did not prove its key",
    "Update the bridge. If it is up to date, ask the administrator which program it is.",
  ],
  "409/806": ["Several programs answer as the bridge", "Stop all but one of them."],
  "412/1": ["There is no such slot", "Refresh the slots in step 2."],
  "412/101": ["There is no token in the slot", "Insert the token, then try again."],
  "412/104": [
    "Few tries of the PIN may be left",
    "The bridge accepts the next PIN only in its own window. Check it: some wrong ones lock it.",
  ],
  "412/105": [
    "The PIN is locked",
    "Unlock it with the token's own software, often with a code named PUK, or ask its issuer.",
  ],
  "412/106": [
    "The PIN was not accepted",
    "Step 2 shows what the token reports about the tries left.",
  ],
  "412/109": ["PIN entry was cancelled", "Sign again when you are ready."],
  "412/300": [
    "The module cannot be used",
    "Choose another module in step 1, or repair this one and refresh.",
  ],
  "412/401": ["The login ended"],
  "412/404": ["Certificate or key not found", "Choose another certificate, or refresh step 3."],
  "412/405": ["The token does not support this algorithm", "Choose another algorithm."],
  "412/406": [
    "The key is not for this",
    "A key that is only for log-ins works in step 7. To sign, choose another one in step 3.",
  ],
  "499/803": ["Cancelled", "Nothing was sent."],
  "429/802": ["Too many calls at once", "Wait for some of them to end, then try again."],
  "500/900": [
    "The bridge or its module failed",
    "Try again. If it fails again, read the bridge's log.",
  ],
  "500/999": ["The bridge cannot be reached", "Try again when the page is connected again."],
};

/** Errors after which the user continues in the PIN field. */
export const isWrongPin = (error) => error.status === 412 && String(error.code) === "106";
/** Errors after which only the bridge's own window accepts the PIN. */
export const isLastTry = (error) => error?.status === 412 && String(error.code) === "104";
export const isCancelled = (error) => error.status === 499;
export const isUnreachable = (error) => error.status === 500 && String(error.code) === "999";
export const isNotApproved = (error) => error.status === 401;
export const isModuleUnavailable = (error) => error?.status === 412 && String(error.code) === "300";
/** Errors after which the state of the module may have changed. */
export const isModuleFailure = (error) =>
  isLate(error) || isModuleUnavailable(error) || isInternal(error);
/** The text of an error says that the user blocked this page. */
export const isBlocked = (text) => text.startsWith("The user has blocked ");
/** After two cancelled PIN entries, the bridge asks for no PIN for a while. */
const isPinSilence = (error) =>
  error.status === 412 && /cancelled the PIN entry .* twice/.test(error.description ?? "");
const isInternal = (error) => error?.status === 500 && String(error.code) === "900";
export const isSuspended = (error) => isModuleUnavailable(error) && retryAt(error) !== null;
export const isLate = (error) => error.status === 408 && String(error.code) === "900";

/**
 * The text without its command, which needs the path of a file that only the bridge knows. The demo
 * forgets its approvals when it ends.
 */
export const withoutCommand = (text) => text.replace(/ To [^.]+, run pkcs11-bridge .*$/s, "");
export const RESTART_DEMO = "In the demo, press Ctrl-C in its terminal and start it again.";

/** The method of the call that was lost with the connection; `undefined` for other errors. */
const lostCall = (error) => /lost before (\w+) was answered/.exec(error.description ?? "")?.[1];

/** Title and advice for a call without a reply, while the bridge is away and when it is back. */
function unanswered(error, { phase, backAt }) {
  const method = lostCall(error);
  const title = method ? `${method} was lost with the connection` : TITLES["500/999"][0];
  if (phase !== "open") {
    return [
      title,
      "The page does not send it again. It reconnects on its own and then shows that here.",
    ];
  }
  const back = backAt ? `The bridge is back since ${clock(backAt)}. ` : "";
  return [title, `${back}The page did not send it again. Repeat it if you still want it.`];
}

/**
 * @param {any} error a RestException, or any other exception
 * @param {{ phase?: string, backAt?: Date | null, demoPin?: string }} connection its current state
 * @returns {{ title: string, text: string, advice?: string, row?: string, pkcs11?: string }}
 */
export function explain(error, connection = {}) {
  if (error?.status === undefined) {
    return {
      title: "Something unexpected happened in this page",
      text: String(error?.message ?? error),
    };
  }
  const row = `${error.status}/${error.code}`;
  const [title, advice] = isUnreachable(error)
    ? unanswered(error, connection)
    : isSuspended(error)
      ? ["The module is suspended for a while"]
      : isPinSilence(error)
        ? ["The bridge asks for no PIN now", connection.demoPin && RESTART_DEMO]
        : (TITLES[row] ?? ["The bridge reported an error"]);
  const description = error.description ?? error.message;
  const text = connection.demoPin ? withoutCommand(description) : description;
  return { title, advice, row, pkcs11: error.pkcs11, text };
}
