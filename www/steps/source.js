// The data to sign: a text, or a file that the user chooses or drops.

import { announce, byId } from "../dom.js";
import { bytes } from "../format.js";

/** @returns {{ current: () => import("../signing.js").Source | null }} */
export function sourceFields() {
  const form = byId("sign-form");
  const text = byId("sign-text");
  const input = byId("sign-file");
  const asText = byId("source-text");
  const asFile = byId("source-file");
  let file = null;

  function showKind() {
    byId("text-field").hidden = !asText.checked;
    byId("file-field").hidden = !asFile.checked;
    input.setCustomValidity("");
  }

  function take(chosen) {
    file = chosen ?? null;
    byId("file-chosen").hidden = !file;
    byId("drop-hint").hidden = Boolean(file);
    byId("file-name").textContent = file?.name ?? "";
    byId("file-size").textContent = file ? bytes(file.size) : "";
    input.setCustomValidity("");
    if (!file) return;
    asFile.checked = true;
    showKind();
    announce(`${file.name}, ${bytes(file.size)}, is chosen`);
  }

  asText.addEventListener("change", showKind);
  asFile.addEventListener("change", showKind);
  input.addEventListener("change", () => input.files.length > 0 && take(input.files[0]));

  // The whole form accepts a dropped file, whichever of the two fields is visible. Without the
  // window listener, the browser would open a file that is dropped elsewhere.
  for (const event of ["dragover", "drop"])
    window.addEventListener(event, (drag) => drag.preventDefault());
  form.addEventListener("dragover", ({ dataTransfer }) => {
    if (dataTransfer.types.includes("Files")) form.dataset.dragging = "";
  });
  form.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!form.contains(relatedTarget)) delete form.dataset.dragging;
  });
  form.addEventListener("drop", ({ dataTransfer }) => {
    delete form.dataset.dragging;
    if (dataTransfer.files.length > 0) take(dataTransfer.files[0]);
  });
  showKind();

  return {
    current() {
      if (asText.checked) return { name: "text", blob: new Blob([text.value]), isFile: false };
      if (file) return { name: file.name, blob: file, isFile: true };
      input.setCustomValidity("Choose a file first.");
      input.reportValidity();
      return null;
    },
  };
}
