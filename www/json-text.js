// Formats JSON for reading. It adds white space between tokens and does not change the tokens, so
// numbers and strings stay as they were sent.

const TOKEN = /"(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+|[{}[\],:]/g;
const LONGEST_STRING = 120;
const HEAD = 64;
const TAIL = 12;
const MOST_TOKENS = 6_000;

/**
 * @param {string} json
 * @param {boolean} whole `false` leaves out the middle of long strings
 * @returns {{ pieces: { kind: string, text: string }[], shortened: boolean }} kinds: "key",
 *   "string", "number", "word", "mark", "space" and "gap" (text that replaces omitted tokens)
 */
export function layOut(json, whole) {
  const tokens = json.match(TOKEN) ?? [];
  const pieces = [];
  let depth = 0;
  let shortened = false;
  const add = (kind, text) => pieces.push({ kind, text });
  const breakLine = () => add("space", `\n${"  ".repeat(depth)}`);

  for (const [at, token] of tokens.entries()) {
    if (!whole && at > MOST_TOKENS) {
      add("gap", ` … ${tokens.length - at} more parts`);
      return { pieces, shortened: true };
    }
    const next = tokens[at + 1];
    if (token === "{" || token === "[") {
      add("mark", token);
      depth += 1;
      if (next !== "}" && next !== "]") breakLine();
    } else if (token === "}" || token === "]") {
      depth -= 1;
      if (tokens[at - 1] !== "{" && tokens[at - 1] !== "[") breakLine();
      add("mark", token);
    } else if (token === ",") {
      add("mark", token);
      breakLine();
    } else if (token === ":") {
      add("mark", ":");
      add("space", " ");
    } else if (token.startsWith('"')) {
      const kind = next === ":" ? "key" : "string";
      if (whole || token.length <= LONGEST_STRING) {
        add(kind, token);
      } else {
        shortened = true;
        add(kind, token.slice(0, HEAD));
        add("gap", `… ${token.length - 2} characters …`);
        add(kind, token.slice(-TAIL));
      }
    } else {
      add(/^[-\d]/.test(token) ? "number" : "word", token);
    }
  }
  return { pieces, shortened };
}
