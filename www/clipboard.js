// Copies texts and downloads files.

import { announce, el, icon } from "./dom.js";

const SHOWN_MS = 1_500;

/**
 * A button that copies the result of `text()`.
 * @param {() => string} text
 * @param {string} label what it copies, for screen readers
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

/** Copies `text` and confirms that at `button`. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    announce("The browser does not allow this page to copy. Select the text and copy it yourself.");
    return;
  }
  announce("Copied");
  button.dataset.copied = "";
  setTimeout(() => delete button.dataset.copied, SHOWN_MS);
}

/**
 * Downloads a file.
 * @param {string} name
 * @param {BlobPart} content
 */
export function download(name, content, type = "application/octet-stream") {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads the URL after the click event.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Makes a safe file name from a text that may come from a token. */
export function fileName(text, extension) {
  const stem = text
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 60);
  return `${stem || "certificate"}.${extension}`;
}
