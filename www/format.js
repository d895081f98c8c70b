// Formats sizes, counts, dates and bytes for people. Encodes and decodes base64.

const NUMBER = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});
const SECOND = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "medium",
  timeStyle: "medium",
  timeZone: "UTC",
});
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DAY_MS = 86_400_000;
const SOON_DAYS = 14;
/** The text for a field of a certificate that the client cannot read. */
export const UNREADABLE = "not readable";

/** `null` means that the token does not report the value. */
export const count = (value) => (value == null ? "not reported" : NUMBER.format(value));

export const plural = (value, one, many = `${one}s`) =>
  `${NUMBER.format(value)} ${value === 1 ? one : many}`;

/** `1536` → "1.5 KiB" */
export function bytes(value) {
  if (value == null) return "not reported";
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let size = Number(value);
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return unit === 0 ? plural(size, "byte") : `${size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}

/** The date alone for short labels; `second` has the time in UTC, for details. */
export const day = (iso) => DAY.format(new Date(iso));
export const second = (iso) => (iso ? `${SECOND.format(new Date(iso))} UTC` : UNREADABLE);

/** The local time: "21:40:09". */
export const clock = (date) => CLOCK.format(date);

/**
 * Whether a certificate is valid now.
 * @param {{ not_before: string | null, not_after: string | null }} parsed
 * @returns {{
 *   state: "valid" | "soon" | "expired" | "future" | "unknown", tone: string, text: string
 * }}
 */
export function validity(parsed, now = Date.now()) {
  if (!parsed.not_before || !parsed.not_after)
    return { state: "unknown", tone: "warn", text: "Validity not readable" };
  const start = Date.parse(parsed.not_before);
  const end = Date.parse(parsed.not_after);
  if (now < start)
    return { state: "future", tone: "warn", text: `Not valid until ${day(parsed.not_before)}` };
  if (now > end) return { state: "expired", tone: "bad", text: `Expired ${day(parsed.not_after)}` };
  const left = Math.floor((end - now) / DAY_MS);
  if (left > SOON_DAYS)
    return { state: "valid", tone: "good", text: `Valid until ${day(parsed.not_after)}` };
  return {
    state: "soon",
    tone: "warn",
    text: left < 1 ? "Expires within a day" : `Expires in ${plural(left, "day")}`,
  };
}

/** `0a1b2c` → "0a:1b:2c" */
export const colons = (hex) => hex?.replace(/..(?=.)/g, "$&:") ?? UNREADABLE;

/** @returns {Uint8Array<ArrayBuffer>} */
export const fromBase64 = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
  let binary = "";
  const chunk = 0x8000;
  for (let at = 0; at < bytes.length; at += chunk) {
    binary += String.fromCharCode(...bytes.subarray(at, at + chunk));
  }
  return btoa(binary);
}

/** A certificate as PEM (RFC 7468), in lines of 64 characters. */
export function pem(base64) {
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

/** The number of bytes in a base64 text; `null` if it is not base64. */
export function base64Length(base64) {
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return null;
  return (base64.length / 4) * 3 - (base64.match(/=*$/)?.[0].length ?? 0);
}
