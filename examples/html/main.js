import { connect, hash } from "pkcs11-bridge-client";

const [connectButton, form, certificates, text, status, output] =
  ["connect", "form", "certificate", "text", "status", "signature"]
    .map((id) => document.getElementById(id));

// With `?port=24920` the page uses a bridge that was started with `--listen 127.0.0.1:24920`.
const port = Number(new URLSearchParams(location.search).get("port"));
const client = () => connect(port ? { ports: [port, port] } : {});

let pkcs11;

connectButton.addEventListener("click", () =>
  show("Your computer asks you whether this site may use your tokens.", async () => {
    pkcs11 = (await client()).pkcs11();
    certificates.replaceChildren();
    const { data: slots } = await pkcs11.slotsWithTokenPresent();
    for (const { slot_id } of slots) {
      // A token that is not set up yet has no certificates. Go on with the next one.
      const { data } = await pkcs11.certificates(slot_id, { parseCerts: true })
        .catch(() => ({ data: [] }));
      for (const { id, label, parsed } of data) {
        // This page signs a hash. Ed25519 signs only whole messages.
        if (!["RSA", "EC"].includes(parsed?.key_type)) continue;
        const option = new Option(`${label} – ${parsed.subject}`);
        option.dataset.slot = slot_id;
        option.dataset.id = id;
        certificates.add(option);
      }
    }
    form.hidden = certificates.length === 0;
    return form.hidden
      ? "There is no certificate. Insert a token, then connect again."
      : `${certificates.length} certificates. Choose one.`;
  }));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  output.hidden = true;
  show("Your computer asks you for the PIN of the token.", async () => {
    const { slot, id } = certificates.selectedOptions[0].dataset;
    const request = {
      slot_id: slot,
      cert_id: id,
      algorithm_reference: "sha256",
      data: await hash(new Blob([text.value]), "sha256"),
    };
    // The call brings no PIN, so the bridge asks the user for it. The page never sees it.
    const { data: signature } = await pkcs11.signData(request);
    const { data: valid } = await pkcs11.verifySignedData({ ...request, signature });
    output.textContent = signature;
    output.hidden = false;
    return valid ? "Signed, and the signature is valid." : "The signature is not valid.";
  });
});

/** Says what the page waits for, and then the outcome or the error. */
async function show(waiting, action) {
  status.textContent = waiting;
  try {
    status.textContent = await action();
  } catch (error) {
    status.textContent = error.description ?? error.message;
  }
}
