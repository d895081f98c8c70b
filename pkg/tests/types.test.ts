// Uses the whole API as a TypeScript page does. The test compiles this file and does not run it.
// Lines that must not compile are marked with @ts-expect-error.

import {
  connect,
  forgetBridgeKey,
  hash,
  ModuleConfig,
  RestException,
  type AbstractPkcs11,
  type Authenticate,
  type Authentication,
  type BatchItem,
  type BoolDataResponse,
  type Callback,
  type Certificate,
  type CertificateContent,
  type Client,
  type ConnectOptions,
  type InfoResponse,
  type Key,
  type SignData,
  type SlotId,
  type Token,
  type WatchDetail,
  type WholeNumber,
} from "pkcs11-bridge-client";
import {
  AuthenticationError,
  createChallenge,
  verifyAuthentication,
  type CertificateFacts,
  type TrustCheck,
} from "pkcs11-bridge-client/server";

async function connecting(): Promise<Client> {
  const [linux, mac, win] = ["/usr/lib/module.so", "/Library/module.dylib", "C:\\module.dll"];
  const moduleConfig = new ModuleConfig(linux, mac, win);
  const options: ConnectOptions = { ports: [24911, 24915], moduleConfig, timeout: 60_000 };
  await connect();
  await connect({});
  await connect({ moduleConfig: new ModuleConfig(undefined, null, "C:\\module.dll") });
  // @ts-expect-error: `ports` needs the first and the last port
  await connect({ ports: [24911] });
  await connect({ bridgeKey: "0".repeat(64), verify: false });
  await connect({ bridgeKey: ["0".repeat(64)] }).catch(forgetBridgeKey);
  // @ts-expect-error: a misspelt option
  await connect({ timeOut: 1 });
  return connect(options);
}

async function client(client: Client): Promise<void> {
  const key: string | undefined = client.bridgeKey;
  const hello = await client.hello();
  const skipped: number[] | undefined = hello.data.skipped_ports?.map(({ port }) => port);
  console.log(key, skipped);
  const methods: string[] = hello.data.methods;
  const fromPages: boolean = hello.data.pin_entry === "page-or-native";
  // @ts-expect-error: no such policy
  const unknown: boolean = hello.data.pin_entry === "page";
  const modules = await client.modules((error, response) => {
    if (error) console.error(error.code);
    else console.log(response.data.length);
  });
  for (const { name, description, state } of modules.data) {
    if (state === "set_aside") console.log(name, description, methods, fromPages, unknown);
  }
  const listener = (event: CustomEvent<{ code: number; reconnecting: boolean }>) =>
    console.log(event.detail.code, event.detail.reconnecting);
  client.addEventListener("close", listener);
  client.addEventListener("open", () => {}, { once: true });
  client.addEventListener("traffic", {
    handleEvent: ({ detail }) => console.log(detail.direction === "sent", detail.id, detail.text),
  });
  client.removeEventListener("close", listener);
  client.addEventListener("slot", ({ detail }) => {
    const slot: SlotId = detail.slot_id;
    console.log(detail.kind === "inserted", detail.module, slot, detail.token?.label);
    // @ts-expect-error: the token may be missing
    console.log(detail.token.label);
  });
  client.addEventListener("slot", () => {}, { once: true, signal: new AbortController().signal });
  const watching = ({ detail }: CustomEvent<WatchDetail>) =>
    console.log(detail.watching || detail.error?.status, detail.module ?? "the default");
  client.addEventListener("watch", watching);
  // @ts-expect-error: no such event
  client.addEventListener("message", () => {});
  const byName: AbstractPkcs11 = client.pkcs11("softhsm");
  await byName.info();
  client.close();
}

async function reading(pkcs11: AbstractPkcs11): Promise<void> {
  const { data: info, success } = await pkcs11.info();
  const version: string = info.cryptoki_version;
  const always: true = success;
  const slots = await pkcs11.slots();
  const present = await pkcs11.slotsWithTokenPresent();
  const slot: SlotId | undefined = present.data[0]?.slot_id ?? slots.data[0]?.slot_id;
  if (slot === undefined) return;

  const all: Token[] = (await pkcs11.token()).data;
  const alsoAll: Token[] = (await pkcs11.token(undefined)).data;
  const one: Token = (await pkcs11.token(slot)).data;
  const sessions: WholeNumber | "unlimited" | null = one.max_session_count;
  console.log(version, always, all, alsoAll, sessions);
  pkcs11.token((error, response) => console.log(error?.status, response?.data[0]?.label));
  pkcs11.token(slot, (error, response) => console.log(error?.status, response?.data.label));

  const plain: Certificate[] = (await pkcs11.certificates(slot)).data;
  pkcs11.certificates(slot, (error, response) => console.log(error, response?.data[0]?.id));
  pkcs11.certificates(slot, null, (error, response) => console.log(error, response?.data));
  const { data: parsed } = await pkcs11.certificates(slot, { parseCerts: true });
  const content: CertificateContent | null | undefined = parsed[0]?.parsed;
  if (content?.key_type === "EC" && content.key_usage?.includes("nonRepudiation")) {
    console.log(content.curve, content.key_size, content.extended_key_usage?.join());
  } else {
    console.log(parsed[0]?.parse_error, plain);
  }
  // @ts-expect-error: without parseCerts the result has no `parsed`
  plain[0]?.parsed;
  // @ts-expect-error: a slot is needed
  await pkcs11.certificates();

  const { data: keys, login_required: more } = await pkcs11.keys(slot, { login: true });
  const key: Key | undefined = keys[0];
  console.log(more, key?.id, key?.label, key?.key_type, key?.key_size, key?.curve, key?.public_key);
  pkcs11.keys(slot, (error, response) => console.log(error, response?.data[0]?.id));
  pkcs11.keys(slot, null, (error, response) => console.log(error, response?.login_required));
  // @ts-expect-error: keys have no content to parse
  await pkcs11.keys(slot, { parseCerts: true });
}

async function signing(pkcs11: AbstractPkcs11, file: File): Promise<boolean> {
  const data = await hash(file, "sha256", (loaded, total) => console.log(loaded, total ?? "?"));
  await hash(new Uint8Array(3), "SHA-512");
  await hash(new ArrayBuffer(3), "sha1");
  await hash(file.stream(), "sha384");
  // @ts-expect-error: a string is not bytes
  await hash("text", "sha256");

  const request = { slot_id: 1, cert_id: "01", algorithm_reference: "sha256", data } as const;
  const signature = (await pkcs11.signData({ ...request, pin: "1234" })).data;
  const ecdsa = { algorithm_reference: "ES256", signature_format: "der" } as const;
  await pkcs11.signData({ ...request, ...ecdsa, slot_id: "1" });
  const signed: SignData = { ...request, pin: undefined };
  pkcs11.signData(signed, (error, response) => console.log(error ?? response.data.length));
  const message = { slot_id: 1, cert_id: "01", algorithm_reference: "sha256", message: "YQ==" };
  await pkcs11.signData({ ...message, algorithm_reference: "sha256" });
  // @ts-expect-error: a hash and a message
  await pkcs11.signData({ ...message, data });
  // @ts-expect-error: `data` is missing
  await pkcs11.signData({ slot_id: 1, cert_id: "01", algorithm_reference: "sha256" });
  // @ts-expect-error: a misspelt field
  await pkcs11.signData({ ...request, Pin: "1234" });

  const verified: BoolDataResponse = await pkcs11.verifySignedData({ ...request, signature });
  // @ts-expect-error: `signature` is missing
  await pkcs11.verifySignedData(request);
  return verified.data;
}

async function loggingIn(pkcs11: AbstractPkcs11): Promise<string> {
  const challenge = createChallenge();
  const request: Authenticate = { slot_id: 1, cert_id: "01", challenge };
  const { data: response } = await pkcs11.authenticate(request);
  const answer: Authentication = response;
  pkcs11.authenticate(request, (error, response) => console.log(error ?? response.data.algorithm));
  // @ts-expect-error: the bridge asks the user for the PIN
  await pkcs11.authenticate({ ...request, pin: "1234" });

  const origin = "https://app.example";
  const login = { response: answer, challenge, origin };
  const isTrusted: TrustCheck = ({ fingerprint }, issuers) => issuers.length > 0 && !!fingerprint;
  await verifyAuthentication({ ...login, isTrusted, at: new Date(0), extendedKeyUsage: null });
  // @ts-expect-error: whose users may log in?
  await verifyAuthentication(login);
  // @ts-expect-error: the origin is missing
  await verifyAuthentication({ response, challenge, isTrusted });
  try {
    const trustedIssuers = ["-----BEGIN CERTIFICATE-----", new Uint8Array(3)];
    const { certificate, issuers } = await verifyAuthentication({ ...login, trustedIssuers });
    const user: CertificateFacts = certificate;
    return `${user.subject.text} ${user.notAfter.getTime()} ${issuers[0]?.serialNumber}`;
  } catch (error) {
    if (error instanceof AuthenticationError && error.code === "expired") return error.message;
    throw error;
  }
}

async function signingMany(pkcs11: AbstractPkcs11, hashes: readonly string[]): Promise<string[]> {
  const algorithm = { algorithm_reference: "sha256" } as const;
  const request = { slot_id: 1, cert_id: "01", ...algorithm, data: hashes };
  const controller = new AbortController();
  const { data: items } = await pkcs11.signDataBatch(request, {
    signal: controller.signal,
    onProgress: ({ done, total }) => console.log(done / total),
  });
  await pkcs11.signDataBatch({ ...request, pin: "1234", signature_format: "der" });
  await pkcs11.signDataBatch(request, { onProgress: null, signal: undefined });
  pkcs11.signDataBatch(request, (error, response) => {
    console.log(error ?? response.data[0]?.signature);
  });
  pkcs11.signDataBatch(request, null, (error, response) => {
    console.log(error ?? response.data.length);
  });
  // @ts-expect-error: `data` is an array
  await pkcs11.signDataBatch({ ...request, data: "AQI=" });
  // @ts-expect-error: a controller is not its signal
  await pkcs11.signDataBatch(request, { signal: controller });
  // @ts-expect-error: a misspelt option
  await pkcs11.signDataBatch(request, { onprogress: () => {} });

  const failed: RestException[] = items.flatMap(({ error }) => error ?? []);
  const cancelled = failed.filter(({ status, code }) => status === 499 && code === "803");
  console.log(failed.length, cancelled.length);
  const signatureOf = (item: BatchItem): string => (item.error ? "" : item.signature);
  return items.map(signatureOf);
}

async function loggingOut(pkcs11: AbstractPkcs11): Promise<boolean> {
  await pkcs11.logout();
  await pkcs11.logout(null);
  await pkcs11.logout("1");
  pkcs11.logout((error, response) => console.log(error ?? response.data));
  pkcs11.logout(1, (error, response) => console.log(error ?? response.data));
  return (await pkcs11.logout(1)).data;
}

/** Declares the types of the callback explicitly. */
function callbacks(pkcs11: AbstractPkcs11): void {
  const callback: Callback<InfoResponse> = (error, response) => {
    if (error) {
      const exception: RestException = error;
      console.error(exception.status, exception.code, exception.description, exception.pkcs11);
    } else {
      console.log(response.data.manufacturer_id);
    }
  };
  pkcs11.info(callback);
  pkcs11.info((error: RestException | null, response: InfoResponse | undefined) => {
    console.log(error, response?.data.flags);
  });
}

async function failing(pkcs11: AbstractPkcs11): Promise<string | undefined> {
  try {
    await pkcs11.info();
  } catch (error) {
    if (error instanceof RestException && error.status === 412) {
      const plain: Error = error;
      return error.pkcs11 ?? plain.message;
    }
    throw error;
  }
  return new RestException(500, "999", "gone").description;
}

export {
  callbacks,
  client,
  connecting,
  failing,
  loggingIn,
  loggingOut,
  reading,
  signing,
  signingMany,
};
