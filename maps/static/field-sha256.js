/* gxSha256(blob | bytes, {own, progress}) → lower-case hex. crypto.subtle where the browser has it (https, files),
   else FIPS 180-4 in plain script: in pieces, so that the page stays alive meanwhile. Also for the service worker. */
(function () {
  "use strict";
  const PIECE = 262144, WHOLE = 268435456; /* crypto.subtle wants all bytes at once: above 256 MB our own takes over */
  const hex = (bytes) => Array.from(bytes, (x) => x.toString(16).padStart(2, "0")).join("");

  /* fractional parts of the square and cube roots of the first 64 primes: exact, since 2^32 · the root stays below 2^53 */
  const K = new Uint32Array(64), START = new Uint32Array(8);
  for (let n = 2, found = 0; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) { if (n % d === 0) { prime = false; break; } }
    if (!prime) { continue; }
    if (found < 8) { START[found] = ((Math.sqrt(n) % 1) * 4294967296) | 0; }
    K[found++] = ((Math.cbrt(n) % 1) * 4294967296) | 0;
  }

  function Sha256() {
    this.h = Uint32Array.from(START);
    this.w = new Uint32Array(64);
    this.rest = new Uint8Array(64);
    this.held = 0;
    this.length = 0;
  }
  Sha256.prototype.update = function (bytes) {
    let at = 0;
    this.length += bytes.length;
    if (this.held) {
      at = Math.min(64 - this.held, bytes.length);
      this.rest.set(bytes.subarray(0, at), this.held);
      this.held += at;
      if (this.held < 64) { return this; }
      this.block(this.rest, 0);
      this.held = 0;
    }
    for (; at + 64 <= bytes.length; at += 64) { this.block(bytes, at); }
    this.rest.set(bytes.subarray(at), 0);
    this.held = bytes.length - at;
    return this;
  };
  Sha256.prototype.block = function (p, at) {
    const w = this.w, h = this.h;
    for (let i = 0; i < 16; i++, at += 4) { w[i] = (p[at] << 24) | (p[at + 1] << 16) | (p[at + 2] << 8) | p[at + 3]; }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2];
      w[i] = (w[i - 16] + w[i - 7] + (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3))
        + (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10))) | 0;
    }
    let a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], z = h[7];
    for (let i = 0; i < 64; i++) {
      const one = (z + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const two = ((((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      z = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
    }
    h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += z;
  };
  Sha256.prototype.digest = function () {
    const bits = this.length * 8, end = new Uint8Array((this.held < 56 ? 64 : 128) - this.held), view = new DataView(end.buffer);
    end[0] = 128;
    view.setUint32(end.length - 8, Math.floor(bits / 4294967296));
    view.setUint32(end.length - 4, bits >>> 0);
    this.update(end);
    const out = new DataView(new ArrayBuffer(32));
    this.h.forEach((word, i) => out.setUint32(4 * i, word));
    return new Uint8Array(out.buffer);
  };

  /* bytes of a blob; an older WebView has no blob.arrayBuffer() */
  const bytesOf = (blob) => (blob.arrayBuffer ? blob.arrayBuffer() : new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsArrayBuffer(blob);
  })).then((buffer) => new Uint8Array(buffer));
  /* let the page draw and hear; setTimeout alone is clamped to 4 ms a turn, and to 1 s where the tab is hidden */
  const breathe = () => new Promise((done) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { channel.port1.close(); done(); };
    channel.port2.postMessage(0);
  });
  /* hear(bytes) for each piece of the blob, with a breath between them */
  async function pieces(blob, hear, progress) {
    for (let at = 0; at < blob.size; at += PIECE) {
      hear(await bytesOf(blob.slice(at, at + PIECE)));
      if (progress) { progress(Math.min(1, (at + PIECE) / blob.size)); }
      await breathe();
    }
  }

  async function gxSha256(what, options) {
    const { own, progress } = options || {}, blob = what instanceof Blob ? what : new Blob([what]);
    if (!own && self.crypto && crypto.subtle && blob.size <= WHOLE) {
      return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await bytesOf(blob))));
    }
    const sum = new Sha256();
    await pieces(blob, (bytes) => sum.update(bytes), progress);
    return hex(sum.digest());
  }
  gxSha256.pieces = pieces;
  self.gxSha256 = gxSha256;
})();
