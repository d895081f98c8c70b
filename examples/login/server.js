// A site whose users log in with their tokens:
//
//     node server.js ISSUERS.pem [http://localhost:8080]
//
// ISSUERS.pem holds the certificates of the authorities whose users may log in. The address is the
// origin of the site, which the users' browsers show.

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import {
  AuthenticationError,
  createChallenge,
  verifyAuthentication,
} from "pkcs11-bridge-client/server";

const [issuers, address = "http://localhost:8080"] = process.argv.slice(2);
if (!issuers) throw new Error("Name the file with the certificates of the authorities.");
const trustedIssuers = [await readFile(issuers, "utf8")];
const { hostname, port, protocol } = new URL(address);
let { origin } = new URL(address);

/** How long a user may take from the click to the PIN, in milliseconds. */
const CHALLENGE_LIFETIME = 5 * 60_000;

/** What the server knows of each browser. A real site has a store that forgets old sessions. */
const sessions = new Map();

const PACKAGE = fileURLToPath(new URL(".", import.meta.resolve("pkcs11-bridge-client")));
const PUBLIC = fileURLToPath(new URL("public/", import.meta.url));
const TYPES = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
  wasm: "application/wasm",
};

const actions = {
  "GET /user": (session) => ({ user: session.user ?? null }),

  "POST /challenge": (session) => {
    session.challenge = { text: createChallenge(), until: Date.now() + CHALLENGE_LIFETIME };
    return { challenge: session.challenge.text };
  },

  "POST /login": async (session, response, renew) => {
    const { challenge } = session;
    // A challenge holds once, even if the login fails.
    delete session.challenge;
    if (!challenge || challenge.until < Date.now()) {
      return { error: "Too much time has passed. Log in again." };
    }
    const login = { response, challenge: challenge.text, origin, trustedIssuers };
    const { certificate } = await verifyAuthentication(login);
    // Nobody who knew the session before the login shares it.
    renew().user = certificate.subject.text;
    return { user: certificate.subject.text };
  },

  "POST /logout": (session) => {
    delete session.user;
    return { user: null };
  },
};

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, origin);
  const action = actions[`${request.method} ${pathname}`];
  try {
    if (action) await answer(action, request, response);
    else await serveFile(pathname, response);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end();
  }
});

/** Answers with JSON. The reason of a refused login goes to the user. */
async function answer(action, request, response) {
  const session = sessionOf(request, response);
  const renew = () => startSession(response);
  let result;
  try {
    result = await action(session, await body(request), renew);
  } catch (error) {
    if (!(error instanceof AuthenticationError)) throw error;
    console.log(`Refused a login: ${error.code}.`);
    result = { error: error.message };
  }
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(result));
}

function sessionOf(request, response) {
  const id = /(?:^|; )session=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1];
  return sessions.get(id) ?? startSession(response);
}

function startSession(response) {
  const [id, session] = [randomUUID(), {}];
  sessions.set(id, session);
  const secure = origin.startsWith("https:") ? "; Secure" : "";
  response.setHeader("set-cookie", `session=${id}; HttpOnly; SameSite=Strict; Path=/${secure}`);
  return session;
}

/** The JSON of a request; `undefined` if there is none, or none of a reasonable length. */
async function body(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > 100_000) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Serves the page, and the package for its import map. */
async function serveFile(pathname, response) {
  const [folder, path] = pathname.startsWith("/pkcs11-bridge-client/")
    ? [PACKAGE, pathname.slice("/pkcs11-bridge-client/".length)]
    : [PUBLIC, pathname === "/" ? "index.html" : pathname.slice(1)];
  const type = TYPES[path.split(".").at(-1)];
  // The path of a URL has no `..` left.
  const content = type && (await readFile(folder + path).catch(() => undefined));
  if (!content) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": type }).end(content);
}

server.listen(port || 80, hostname, () => {
  // With port 0 the system chooses one.
  if (port === "0") origin = `${protocol}//${hostname}:${server.address().port}`;
  console.log(`listening on ${origin}`);
});
