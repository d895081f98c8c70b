// Runs the sections of the guide one after the other and records their outcomes.

const outcomes = [];
const sections = [];
let current = "before the first section";

/** Adds a section. `attempt` throws or rejects if the API differs from the guide. */
export function section(title, attempt) {
  sections.push({ title, attempt });
}

/** Runs all sections, then sets `window.outcomes`, which the test reads. */
export async function run() {
  for (const { title, attempt } of sections) {
    current = title;
    try {
      await attempt();
      // The browser reports an unhandled rejection in a later turn of the event loop.
      await new Promise((resolve) => setTimeout(resolve, 20));
      report(title, null);
    } catch (error) {
      report(title, describe(error));
    }
  }
  window.outcomes = outcomes;
}

export function assert(condition, text) {
  if (!condition) throw new Error(text);
}

export function assertEqual(found, expected, what) {
  const [foundText, expectedText] = [found, expected].map((value) => JSON.stringify(value));
  assert(foundText === expectedText, `${what} is ${foundText}, not ${expectedText}`);
}

/** Asserts that an object has exactly these fields. */
export function assertFields(object, fields) {
  assertEqual(Object.keys(object).sort(), [...fields].sort(), "the list of fields");
}

/**
 * Makes a call twice: with its promise, and with its callback. Both must have the same outcome.
 * `more` are the fields of the response beside `data` and `success`. Returns the response or throws
 * the error.
 */
export async function byPromiseAndByCallback(call, more = []) {
  const byPromise = await outcomeOf(call());
  const byCallback = await new Promise((resolve) => {
    const promise = call((error, response) => resolve({ error, response }));
    assert(promise instanceof Promise, "a call with a callback returns a promise too");
  });
  assertEqual(byCallback.response, byPromise.response, "the response by callback");
  assertEqual(fields(byCallback.error), fields(byPromise.error), "the error by callback");
  if (byPromise.error) {
    assert(byCallback.response === undefined, "a callback with an error has no response");
    throw byPromise.error;
  }
  assert(byCallback.error === null, "a callback with a response gets null as its error");
  assert(byPromise.response.success === true, "a response has `success: true`");
  assertFields(byPromise.response, ["data", "success", ...more]);
  return byPromise.response;
}

/** The error of a call, with a promise and with a callback. */
export async function failureOf(call) {
  try {
    await byPromiseAndByCallback(call);
  } catch (error) {
    return error;
  }
  throw new Error("the call succeeded");
}

async function outcomeOf(promise) {
  try {
    return { error: null, response: await promise };
  } catch (error) {
    return { error, response: undefined };
  }
}

function fields(error) {
  const { status, code, description, pkcs11 } = error ?? {};
  return error && { status, code, description, pkcs11 };
}

function describe(error) {
  return JSON.stringify(fields(error)) + " " + (error?.stack ?? String(error));
}

function report(title, error) {
  outcomes.push({ title, error });
  const item = document.createElement("li");
  item.textContent = error === null ? `✓ ${title}` : `✗ ${title}: ${error}`;
  document.getElementById("sections").append(item);
}

addEventListener("unhandledrejection", (event) => {
  report(current, `unhandled rejection: ${describe(event.reason)}`);
});
addEventListener("error", (event) => report(current, `uncaught: ${event.message}`));
