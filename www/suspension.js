// When the bridge tries a suspended module again. Only the text of the error says so.

/** The time of the next try according to a new error; `null` if the error has no time. */
export function retryAt(error) {
  const seconds = /tried again in (\d+) s/.exec(error?.description ?? "")?.[1];
  return seconds === undefined ? null : new Date(Date.now() + Number(seconds) * 1_000);
}

/** The time left until `at`: "42 s", "3 min". */
export function timeUntil(at) {
  const seconds = Math.max(0, Math.ceil((at.getTime() - Date.now()) / 1_000));
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
