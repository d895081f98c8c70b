// The signature, to copy and to download.

import { hashName, hashOf } from "../algorithms.js";
import { copy, download, fileName } from "../clipboard.js";
import { byId, facts } from "../dom.js";
import { base64Length, bytes, fromBase64 } from "../format.js";
import { titleOf } from "./certificate.js";

let shown = null;

/** @param {any} signed the store's `signed` */
export function showSignature(signed) {
  shown = signed;
  byId("signature-panel").hidden = !signed;
  if (!signed) return;
  const { request, source, signature, certificate } = signed;
  const hash = hashOf(request.algorithm_reference);
  byId("signature").textContent = signature;
  byId("signature-size").textContent = bytes(base64Length(signature));
  byId("signature-facts").replaceChildren(
    facts([
      [
        "Signed",
        source.isFile
          ? `${source.name} (${bytes(source.blob.size)})`
          : `the text (${bytes(source.blob.size)})`,
      ],
      ["Key of", titleOf(certificate)],
      [
        "Algorithm",
        [request.algorithm_reference, request.signature_format].filter(Boolean).join(", "),
      ],
      [
        hash ? `${hashName(hash)} in base64` : "Message in base64",
        request.data,
        "wide exact clamp",
      ],
    ]),
  );
}

export function signatureButtons() {
  const name = (extension) => fileName(shown.source.name, extension);
  byId("copy-signature").addEventListener("click", ({ currentTarget }) =>
    copy(shown.signature, currentTarget),
  );
  byId("download-signature").addEventListener("click", () =>
    download(name("sig"), fromBase64(shown.signature)),
  );
  byId("download-base64").addEventListener("click", () =>
    download(name("sig.b64"), `${shown.signature}\n`, "text/plain"),
  );
}
