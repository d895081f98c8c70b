import { connect } from "pkcs11-bridge-client";

const [connectButton, form, certificates, logoutButton, status] =
  ["connect", "form", "certificate", "logout", "status"].map((id) => document.getElementById(id));

// With `?port=24920` the page uses a bridge that was started with `--listen 127.0.0.1:24920`.
const port = Number(new URLSearchParams(location.search).get("port"));

let client;
let pkcs11;

connectButton.addEventListener("click", () =>
  show("Your computer asks you whether this site may use your tokens.", async () => {
    client ??= await connect(port ? { ports: [port, port] } : {});
    pkcs11 = client.pkcs11();
    certificates.replaceChildren();
    const { data: slots } = await pkcs11.slotsWithTokenPresent();
    for (const { slot_id } of slots) {
      // A token that is not set up yet has no certificates. Go on with the next one.
      const { data } = await pkcs11.certificates(slot_id, { parseCerts: true })
        .catch(() => ({ data: [] }));
      for (const { id, label, parsed } of data.filter(({ parsed }) => isForLogins(parsed))) {
        const option = new Option(`${label} – ${parsed.subject}`);
        option.dataset.slot = slot_id;
        option.dataset.id = id;
        certificates.add(option);
      }
    }
    form.hidden = certificates.length === 0;
    return form.hidden
      ? "There is no certificate for logins. Insert a token, then connect again."
      : `${certificates.length} certificates. Choose one.`;
  }));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show("Your computer asks you for the PIN of the token.", async () => {
    const { slot: slot_id, id: cert_id } = certificates.selectedOptions[0].dataset;
    const { challenge } = await post("/challenge");
    const { data } = await pkcs11.authenticate({ slot_id, cert_id, challenge });
    return showUser(await post("/login", data));
  });
});

logoutButton.addEventListener("click", () =>
  show("", async () => {
    // Otherwise the next login needs no PIN for a while.
    await pkcs11?.logout();
    return showUser(await post("/logout"));
  }));

show("", async () => showUser(await (await fetch("/user")).json()));

/** The bridge refuses other certificates, or the server does. */
function isForLogins(parsed) {
  const usage = parsed?.key_usage ?? ["none"];
  const extended = parsed?.extended_key_usage ?? [];
  const forLogins = ["clientAuth", "anyExtendedKeyUsage", "1.3.6.1.4.1.311.20.2.2"];
  return (
    (usage.length === 0 || usage.includes("digitalSignature")) &&
    (extended.length === 0 || extended.some((name) => forLogins.includes(name)))
  );
}

async function post(path, value = null) {
  const response = await fetch(path, { method: "POST", body: JSON.stringify(value) });
  return response.json();
}

function showUser({ user, error }) {
  logoutButton.hidden = !user;
  connectButton.hidden = !!user;
  form.hidden = !!user || certificates.length === 0;
  if (user) return `You are logged in as ${user}.`;
  return error ?? "You are not logged in.";
}

/** Says what the page waits for, and then the outcome or the error. */
async function show(waiting, action) {
  status.textContent = waiting;
  try {
    status.textContent = await action();
  } catch (error) {
    status.textContent = error.description ?? error.message;
  }
}
