// Step 3: the certificates on the token as cards, and the details of the chosen certificate.

import { chosenCertificate, chosenSlot } from "../browse.js";
import { keyName } from "../algorithms.js";
import { download, fileName } from "../clipboard.js";
import { announce, byId, chip, el } from "../dom.js";
import { hasToken } from "../flags.js";
import { UNREADABLE, fromBase64, pem, plural, validity } from "../format.js";
import { shortName } from "../names.js";
import { showError } from "../notices.js";
import { radioCards } from "../radio-cards.js";
import { certificateDetails } from "./certificate-details.js";
import { progress } from "./progress.js";

const FILTER_FROM = 7;
// Shorter digits match nearly every fingerprint.
const SHORTEST_HEX = 4;

export function certificateStep(store, browse) {
  const filter = byId("certificate-filter");
  const cards = radioCards(byId("certificate-list"), {
    name: "certificate",
    testId: "certificate-option",
    onChoose: browse.chooseCertificate,
  });
  byId("refresh-certificates").addEventListener("click", browse.refreshCertificates);

  function showCards({ certificates, certificateId }) {
    const all = certificates.data ?? [];
    const words =
      all.length < FILTER_FROM ? [] : filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all.filter((certificate) => words.every((word) => isFound(word, certificate)));
    cards.show(found.map(card), certificateId);
    byId("filter-count").textContent = words.length > 0 ? `${found.length} of ${all.length}` : "";
  }

  filter.addEventListener("input", () => {
    showCards(store.state);
    announce(byId("filter-count").textContent);
  });
  store.watch(["certificates"], (state) => {
    const { data, error } = state.certificates;
    byId("certificate-choice").hidden = !data?.length;
    byId("no-certificates").hidden = data?.length !== 0;
    byId("filter-row").hidden = !data || data.length < FILTER_FROM;
    showCards(state);
    showError(byId("certificates-error"), error);
  });
  store.watch(["certificateId"], ({ certificateId }) => cards.choose(certificateId));
  store.watch(["certificates", "certificateId"], (state) => {
    const certificate = chosenCertificate(state);
    byId("certificate-details").replaceChildren(
      ...(certificate ? [certificateDetails(certificate)] : []),
    );
    byId("certificate-downloads").hidden = !certificate;
  });
  store.watch(["certificates", "certificateId", "slotKey", "slots"], (state) => {
    const { certificates, certificateId } = state;
    const slot = chosenSlot(state);
    const summary = certificates.data ? plural(certificates.data.length, "certificate") : "";
    progress("certificate", {
      resources: [certificates],
      done: Boolean(certificateId),
      waiting: !slot || !hasToken(slot),
      summary,
    });
  });

  byId("download-cer").addEventListener("click", () => {
    const certificate = chosenCertificate(store.state);
    download(
      fileName(titleOf(certificate), "cer"),
      fromBase64(certificate.base64),
      "application/pkix-cert",
    );
  });
  byId("download-pem").addEventListener("click", () => {
    const certificate = chosenCertificate(store.state);
    download(
      fileName(titleOf(certificate), "pem"),
      pem(certificate.base64),
      "application/x-pem-file",
    );
  });
}

/** The name of a certificate in the page. */
export const titleOf = ({ parsed, label, id }) =>
  (parsed && shortName(parsed.subject)) || label || `Certificate ${id}`;

function issuerOf({ subject, issuer }) {
  if (issuer === null) return `issuer ${UNREADABLE}`;
  return issuer === subject ? "self-signed" : `issued by ${shortName(issuer)}`;
}

function card(certificate) {
  const { parsed, label, parse_error: problem } = certificate;
  const title = titleOf(certificate);
  if (!parsed) {
    return {
      key: certificate.id,
      title,
      details: [problem ?? "The certificate cannot be parsed."],
      marks: [chip("Not readable", "bad")],
    };
  }
  const { tone, text } = validity(parsed);
  const issuer = issuerOf(parsed);
  return {
    key: certificate.id,
    title,
    details: [
      label && label !== title ? el("span", { class: "line" }, label) : "",
      el("span", { class: "line" }, issuer),
    ],
    marks: [chip(keyName(parsed)), chip(text, tone)],
  };
}

function isFound(word, { id, label, parsed }) {
  const texts = parsed
    ? [label, parsed.subject, parsed.issuer, keyName(parsed), validity(parsed).text]
    : [label];
  if (word.length >= SHORTEST_HEX)
    texts.push(id, parsed?.serial_number, parsed?.fingerprint_sha256);
  return texts.some((text) => text?.toLowerCase().includes(word));
}
