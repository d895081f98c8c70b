import { connect, hash } from "pkcs11-bridge-client";
import "./style.css";

const [form, files, progress, status, list] =
  ["form", "files", "progress", "status", "signatures"].map((id) => document.getElementById(id));

// With `?port=24920` the page uses a bridge that was started with `--listen 127.0.0.1:24920`.
const port = Number(new URLSearchParams(location.search).get("port"));

const HASH_KEYS = ["RSA", "EC"];

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  list.replaceChildren();
  try {
    await sign([...files.files]);
  } catch (error) {
    status.textContent = error.description ?? error.message;
  } finally {
    progress.hidden = true;
  }
});

async function sign(chosen) {
  status.textContent = "Your computer asks you whether this site may use your tokens.";
  const client = await connect(port ? { ports: [port, port] } : {});
  const pkcs11 = client.pkcs11();
  const { slot_id, certificate } = await certificateForHashes(pkcs11);

  // The files are read piece by piece, so that their size does not matter.
  const data = [];
  for (const file of chosen) {
    status.textContent = `Reading ${file.name} …`;
    data.push(await hash(file, "sha256", showProgress));
  }

  // One PIN for all files. The bridge asks the user for it.
  status.textContent = "Your computer asks you for the PIN of the token.";
  const request = { slot_id, cert_id: certificate.id, algorithm_reference: "sha256", data };
  const onProgress = ({ done, total }) => showProgress(done, total);
  const { data: items } = await pkcs11.signDataBatch(request, { onProgress });

  items.forEach(({ signature, error }, at) => list.append(entry(chosen[at], signature, error)));
  const signed = items.filter(({ signature }) => signature).length;
  status.textContent = `Signed ${signed} of ${items.length} with ${certificate.label}.`;
  client.close();
}

/** The first certificate whose key signs hashes. Ed25519 signs only whole messages. */
async function certificateForHashes(pkcs11) {
  const { data: slots } = await pkcs11.slotsWithTokenPresent();
  for (const { slot_id } of slots) {
    // A token that is not set up yet has no certificates. Go on with the next one.
    const { data: certificates } = await pkcs11.certificates(slot_id, { parseCerts: true })
      .catch(() => ({ data: [] }));
    const certificate = certificates.find(({ parsed }) => HASH_KEYS.includes(parsed?.key_type));
    if (certificate) return { slot_id, certificate };
  }
  throw new Error("No token with a certificate was found. Put your token in and try again.");
}

function showProgress(value, max) {
  progress.hidden = false;
  progress.max = max || 1;
  progress.value = value;
}

function entry(file, signature, error) {
  const [item, code] = [document.createElement("li"), document.createElement("code")];
  code.textContent = signature ?? error.description;
  item.append(file.name, code);
  return item;
}
