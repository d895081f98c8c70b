// A strict reader of DER (X.690). It refuses what has two encodings: indefinite and non-minimal
// lengths, long tags, and bytes that follow a value.

export const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
  /** [n] of a SEQUENCE or another constructed value */
  constructed: (number) => 0xa0 | number,
  /** [n] of a primitive value */
  primitive: (number) => 0x80 | number,
};

/** Reads the one value that `bytes` holds: `{ tag, content, raw }`. */
export function value(bytes, tag) {
  const reader = new Reader(bytes);
  const read = reader.next(tag);
  reader.end();
  return read;
}

/** Reads values that follow each other. */
export class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  /** Whether all bytes are read. */
  get done() {
    return this.#at === this.#bytes.length;
  }

  /** The tag of the next value; `undefined` at the end. */
  get tag() {
    return this.#bytes[this.#at];
  }

  /** The next value. Fails if it has another tag than the given one. */
  next(tag) {
    const start = this.#at;
    const read = this.#byte();
    if ((read & 0x1f) === 0x1f) throw new DerError("a long tag");
    if (tag !== undefined && read !== tag) throw new DerError(`tag ${read} instead of ${tag}`);
    const length = this.#length();
    const from = this.#at;
    if (length > this.#bytes.length - from) throw new DerError("a truncated value");
    this.#at = from + length;
    const content = this.#bytes.subarray(from, this.#at);
    return { tag: read, content, raw: this.#bytes.subarray(start, this.#at) };
  }

  /** The next value if it has this tag; otherwise `undefined`. */
  optional(tag) {
    return this.tag === tag ? this.next(tag) : undefined;
  }

  /** A reader of the next value's content. */
  enter(tag) {
    return new Reader(this.next(tag).content);
  }

  /** Fails if bytes are left. */
  end() {
    if (!this.done) throw new DerError("bytes after the value");
  }

  #byte() {
    if (this.done) throw new DerError("a truncated value");
    return this.#bytes[this.#at++];
  }

  #length() {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw new DerError("an unsupported length");
    let length = 0;
    for (let i = 0; i < count; i++) length = (length << 8) | this.#byte();
    if (length < 0x80 || length < 1 << (8 * (count - 1))) throw new DerError("a long length");
    return length;
  }
}

/** The bytes are not DER, or not the expected value. */
export class DerError extends Error {}

/** The dotted decimals of an OBJECT IDENTIFIER. */
export function oid({ content }) {
  const arcs = [];
  let arc = 0;
  content.forEach((byte, index) => {
    if (byte === 0x80 && arc === 0) throw new DerError("an arc with a leading zero");
    arc = arc * 0x80 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) throw new DerError("a large arc");
    if (byte >= 0x80) {
      if (index === content.length - 1) throw new DerError("a truncated arc");
      return;
    }
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)));
    arcs.push(arcs.length === 1 ? arc - arcs[0] * 40 : arc);
    arc = 0;
  });
  if (arcs.length === 0) throw new DerError("an empty OBJECT IDENTIFIER");
  return arcs.join(".");
}

/** A BOOLEAN. */
export function boolean({ content }) {
  if (content.length !== 1 || ![0, 0xff].includes(content[0])) throw new DerError("no BOOLEAN");
  return content[0] === 0xff;
}

/** The bytes of an INTEGER that is not negative, without the zero that marks it as positive. */
export function unsigned({ content }) {
  const isMinimal = content.length === 1 || content[0] !== 0 || content[1] >= 0x80;
  if (content.length === 0 || content[0] >= 0x80 || !isMinimal) throw new DerError("an INTEGER");
  return content[0] === 0 && content.length > 1 ? content.subarray(1) : content;
}

/** A small INTEGER that is not negative. */
export function smallInteger(read) {
  const bytes = unsigned(read);
  if (bytes.length > 3) throw new DerError("a large INTEGER");
  return bytes.reduce((number, byte) => number * 0x100 + byte, 0);
}

/** The bytes of a BIT STRING that is a whole number of bytes. */
export function bytesOfBitString({ content }) {
  if (content[0] !== 0) throw new DerError("a BIT STRING of odd bits");
  return content.subarray(1);
}

/** The numbers of the bits that are set in a BIT STRING. */
export function bitsOfBitString({ content }) {
  const [unused, ...bytes] = content;
  if (unused === undefined || unused > 7 || (bytes.length === 0 && unused > 0)) {
    throw new DerError("a BIT STRING");
  }
  const bits = bytes.flatMap((byte, index) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (0x80 >> bit)).map((bit) => index * 8 + bit),
  );
  if (bits.some((bit) => bit >= bytes.length * 8 - unused)) throw new DerError("unused bits");
  return bits;
}

/** A UTCTime or a GeneralizedTime in the forms of RFC 5280, section 4.1.2.5. */
export function time({ tag, content }) {
  const text = String.fromCharCode(...content);
  const isUtc = tag === TAG.UTC_TIME;
  if (!isUtc && tag !== TAG.GENERALIZED_TIME) throw new DerError("no time");
  const match = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!match || match[1].length !== (isUtc ? 2 : 4)) throw new DerError("a time");
  const [digits, month, day, hour, minute, second] = match.slice(1).map(Number);
  const year = isUtc ? digits + (digits < 50 ? 2000 : 1900) : digits;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isReal || hour > 23 || minute > 59 || second > 59) throw new DerError("a time");
  return date;
}

/** The text of a string type; `undefined` for types that hold no text. */
export function text({ tag, content }) {
  switch (tag) {
    case 0x0c: // UTF8String
      return decode("utf-8", content);
    case 0x12: // NumericString
    case 0x13: // PrintableString
    case 0x16: // IA5String
    case 0x1a: // VisibleString
      if (content.some((byte) => byte >= 0x80)) throw new DerError("a string that is not ASCII");
      return decode("utf-8", content);
    case 0x14: // TeletexString: authorities write Latin-1.
      return String.fromCharCode(...content);
    case 0x1e: // BMPString
      return decode("utf-16be", content);
    default:
      return undefined;
  }
}

function decode(encoding, bytes) {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new DerError(`a string that is not ${encoding}`);
  }
}
