// Copies texts and offers files for download.

import { announce, el, icon } from "./dom.js";

const SHOWN_MS = 1_500;

/**
 * A button that copies what `text()` gives at that moment.
 * @param {() => string} text
 * @param {string} label what it copies, for those who do not see what it stands beside
 */
export function copyButton(text, label) {
  const button = el(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label },
    icon("copy"),
  );
  button.addEventListener("click", () => copy(text(), button));
  return button;
}

/** Copies `text` and shows at `button` that it did. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    announce("The browser does not let this page copy. Select the text and copy it by hand.");
    return;
  }
  announce("Copied");
  button.dataset.copied = "";
  setTimeout(() => delete button.dataset.copied, SHOWN_MS);
}

/**
 * Hands a file to the browser's downloads.
 * @param {string} name
 * @param {BlobPart} content
 */
export function download(name, content, type = "application/octet-stream") {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads the address after the click has been handled.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Makes a file name out of a text of somebody else's choice. */
export function fileName(text, extension) {
  const stem = text
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 60);
  return `${stem || "certificate"}.${extension}`;
}
