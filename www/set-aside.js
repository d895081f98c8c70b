// A module that the bridge has set aside: when it is tried again. The bridge says that in words only.

/** When the module is tried again, by an error that has just come; `null` where it says nothing of that. */
export function triedAgainAt(error) {
  const seconds = /tried again in (\d+) s/.exec(error?.description ?? "")?.[1];
  return seconds === undefined ? null : new Date(Date.now() + Number(seconds) * 1_000);
}

/** How long it is until then: "42 s", "3 min". */
export function timeUntil(at) {
  const seconds = Math.max(0, Math.ceil((at.getTime() - Date.now()) / 1_000));
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
