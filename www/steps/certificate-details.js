// The details of one certificate.

import { keyName } from "../algorithms.js";
import { chip, el, facts } from "../dom.js";
import { UNREADABLE, colons, second, validity } from "../format.js";
import {
  attributesOf,
  extendedKeyUsageWord,
  isForSigning,
  keyUsageWord,
  shortName,
} from "../names.js";
import { notice } from "../notices.js";

/** @param {{ id: string, label: string, parsed: any, parse_error?: string }} certificate */
export function certificateDetails({ id, label, parsed, parse_error: problem }) {
  if (!parsed) {
    return el(
      "div",
      { class: "detail-panel", "data-testid": "certificate" },
      el("h3", {}, label || "Certificate"),
      notice(
        { tone: "warn", title: "This certificate cannot be parsed" },
        el("p", {}, problem ?? "The client gives no reason."),
      ),
      facts([["cert_id", id, "wide exact"]]),
    );
  }
  const { tone, text, state } = validity(parsed);
  return el(
    "div",
    { class: "detail-panel", "data-testid": "certificate", "data-validity": state },
    el(
      "div",
      { class: "title-row" },
      el("h3", {}, shortName(parsed.subject) || label),
      chip(text, tone),
    ),
    warning(parsed, state, text),
    facts([
      ["Subject", nameView(parsed.subject), "wide"],
      ["Issuer", nameView(parsed.issuer), "wide"],
      ["Valid from", second(parsed.not_before)],
      ["Valid to", second(parsed.not_after)],
      ["Key", keyText(parsed)],
      ["Label", label],
      ["Key usage", words(parsed.key_usage, keyUsageWord)],
      ["Extended key usage", words(parsed.extended_key_usage, extendedKeyUsageWord)],
      ["Serial number", colons(parsed.serial_number), "wide exact"],
      ["SHA-256 fingerprint", colons(parsed.fingerprint_sha256), "wide exact"],
      ["cert_id", id, "wide exact"],
    ]),
  );
}

/** A warning if the certificate should not be used to sign. The token signs with it anyway. */
function warning(parsed, state, text) {
  if (state === "expired" || state === "future") {
    return notice(
      { tone: state === "expired" ? "bad" : "warn", title: text },
      el("p", {}, "Its key still signs, but programs should not accept signatures made today."),
    );
  }
  if (!isForSigning(parsed)) {
    return notice(
      { tone: "warn", title: "Not meant for signatures" },
      el("p", {}, "Its key usage has neither digital signature nor non-repudiation."),
    );
  }
  return null;
}

function nameView(distinguishedName) {
  if (distinguishedName === null) return UNREADABLE;
  const attributes = attributesOf(distinguishedName);
  if (attributes.some(({ type }) => type === "")) return distinguishedName;
  return el(
    "span",
    { class: "name", title: distinguishedName },
    ...attributes.map(({ type, value }) =>
      el("span", { class: "name-part" }, el("span", { class: "name-type" }, type), " ", value),
    ),
  );
}

function keyText(parsed) {
  const size = parsed.key_type === "EC" && parsed.key_size ? `, ${parsed.key_size} bits` : "";
  return `${keyName(parsed)}${parsed.key_type === "RSA" ? " bits" : size}`;
}

function words(names, word) {
  if (!names) return UNREADABLE;
  if (names.length === 0) return "not restricted";
  return el("span", { class: "chips" }, ...names.map((name) => chip(word(name), "plain", name)));
}
