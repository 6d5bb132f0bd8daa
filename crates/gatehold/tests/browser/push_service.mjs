// A push service on loopback (RFC 8030), and the browsers behind it: it takes a message only from the gate whose key a browser named
// when it subscribed (RFC 8292, checked by node's own cryptography), and decrypts it as that browser would (npm's http_ece).

import { createECDH, createPublicKey, randomBytes, verify } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const packages = fileURLToPath(new URL("../../../../target/push-service/package.json", import.meta.url));
const ece = createRequire(packages)("http_ece");

/** Whether somebody with this key says so, to this server and now; and whether the browser subscribed under that key. */
function sender(header, origin, key) {
  const [, token, named] = /^vapid t=([^,]+), k=(.+)$/.exec(header ?? "") ?? [];
  if (!token || named !== key) return "another key";
  const point = Buffer.from(named, "base64url");
  if (point.length !== 65 || point[0] !== 4) return "no key";
  const jwk = { kty: "EC", crv: "P-256", x: point.subarray(1, 33).toString("base64url"), y: point.subarray(33).toString("base64url") };
  const [head, claims, signature] = token.split(".");
  const signer = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
  if (!verify("sha256", Buffer.from(`${head}.${claims}`), signer, Buffer.from(signature, "base64url"))) return "a wrong signature";
  const { alg, typ } = JSON.parse(Buffer.from(head, "base64url"));
  if (alg !== "ES256" || typ !== "JWT") return "another token";
  const { aud, exp, sub } = JSON.parse(Buffer.from(claims, "base64url"));
  const left = exp - Date.now() / 1000;
  if (aud !== origin || !(left > 0 && left <= 24 * 3600)) return "another service or time";
  return sub === "mailto:ops@acme.example" ? "the gate" : "nobody to ask";
}

export class PushService {
  /** What reached it, in order. */
  said = [];
  /** What it answers to whatever is right. */
  status = 201;
  /** What else it says to everything: headers and a body for each message. */
  saying = () => [{}, ""];
  #browsers = new Map();
  #waiting = new Set();

  async start() {
    this.server = createServer((request, response) => this.#answer(request, response));
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.origin = `http://127.0.0.1:${this.server.address().port}`;
  }

  /** A browser of this name that subscribes under a gate's key: what its page is given. */
  browser(name, key) {
    const ecdh = createECDH("prime256v1");
    const p256dh = ecdh.generateKeys().toString("base64url");
    const auth = randomBytes(16).toString("base64url");
    this.#browsers.set(name, { ecdh, auth, key, off: new Map() });
    return { endpoint: `${this.origin}/push/${name}`, p256dh, auth };
  }

  /** The browser is gone: its endpoint is answered with 410 from now on. */
  gone(name) {
    this.#browsers.get(name).gone = true;
  }

  /** What waits for a browser that is off: one message of each topic (RFC 8030, 5.4). */
  off(name) {
    return [...this.#browsers.get(name).off.values()];
  }

  /** The first thing like this, whether it has come or will. */
  first(like) {
    const found = this.said.find(like);
    return found ? Promise.resolve(found) : new Promise((resolve) => this.#waiting.add([like, resolve]));
  }

  /** What a browser was told of a request, and took. */
  told(browser, request, what) {
    return this.first((one) => one.browser === browser && one.status === 201 && one.told?.what === what && (one.told.link ?? "").endsWith(request));
  }

  #say(what) {
    this.said.push(what);
    for (const waiting of [...this.#waiting]) {
      const [like, resolve] = waiting;
      if (!like(what)) continue;
      this.#waiting.delete(waiting);
      resolve(what);
    }
  }

  async #answer(request, response) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const name = request.url.replace("/push/", "");
    const body = Buffer.concat(parts);
    const said = this.#taken(name, request, body);
    this.#say({ browser: name, headers: request.headers, raw: body.toString("latin1"), ...said });
    const [headers, text] = this.saying(said.told);
    response.writeHead(said.status, { ...headers, "content-length": Buffer.byteLength(text) });
    response.end(text);
  }

  #taken(name, { method, headers }, body) {
    const browser = this.#browsers.get(name);
    if (!browser || method !== "POST") return { status: 404 };
    const from = sender(headers.authorization, this.origin, browser.key);
    if (from !== "the gate") return { status: 403, from };
    if (browser.gone) return { status: 410, from };
    const { ttl, urgency, topic } = headers;
    const framed = /^\d+$/.test(ttl ?? "") && /^[A-Za-z0-9_-]{1,32}$/.test(topic ?? "") && ["very-low", "low", "normal", "high"].includes(urgency);
    if (!framed || headers["content-encoding"] !== "aes128gcm") return { status: 400, from };
    if (body.length > 4096) return { status: 413, from };
    const clear = ece.decrypt(body, { version: "aes128gcm", privateKey: browser.ecdh, authSecret: browser.auth });
    const told = JSON.parse(clear);
    if (this.status === 201) browser.off.set(topic, told);
    return { status: this.status, from, told, ttl: Number(ttl), urgency, topic, bytes: body.length };
  }

  end() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
