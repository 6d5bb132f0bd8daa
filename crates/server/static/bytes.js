// Bytes, text and hashes as docs/reference/formats.md defines them. What is signed goes through here and through nothing else.

const utf8 = new TextEncoder();

/** Bytes of a text. */
export const bytesOf = (text) => utf8.encode(text);

/** Bytes of a base64 text, of either alphabet. */
export function unbase64(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(plain.length);
  for (let at = 0; at < plain.length; at += 1) bytes[at] = plain.charCodeAt(at);
  return bytes;
}

/** Base64 with padding. */
export function base64(bytes) {
  let plain = "";
  for (const byte of new Uint8Array(bytes)) plain += String.fromCharCode(byte);
  return btoa(plain);
}

/** Base64url without padding. */
export const base64url = (bytes) => base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** Lower hex. */
export const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Bytes of lower hex. */
export const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** `SHA-256(tag || 0x00 || parts)`, with each part as bytes. */
export async function tagged(tag, ...parts) {
  const head = utf8.encode(`${tag}\0`);
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, head.length));
  all.set(head);
  let at = head.length;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

/** A hash as it stands in documents. */
export const named = (hash) => `sha256:${hex(hash)}`;

/** The one text of a value (RFC 8785 over integers): members sorted by UTF-16 code units, no spaces. */
export function canonical(value) {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new Error("text with half a character cannot be signed");
    return JSON.stringify(value);
  }
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new Error("only whole numbers can be signed");
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

/** The bytes of that text. */
export const canonicalBytes = (value) => utf8.encode(canonical(value));

/** Reads a document and insists that its bytes are its one text, so that what was read is what was hashed. */
export function document_(bytes, what) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const value = JSON.parse(text);
  if (canonical(value) !== text) throw new Error(`${what} is not in its one form`);
  return value;
}

/** The four words of a digest: 11 bits each from the front of a hash of it and of what the gate drew afterwards. */
export async function words(list, digest, nonce) {
  const hash = await tagged("gatehold/words/v1", digest, nonce);
  const front = hash.slice(0, 6).reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
  return [37n, 26n, 15n, 4n].map((shift) => list[Number((front >> shift) & 0x7ffn)]);
}
