/* gxZip([{name, blob, at}]) → Blob: a ZIP without compression (photos are compressed already) and with UTF-8 names.
   The blobs are read once for their CRC-32 and then only referred to: no copy of them is made in memory. */
(function () {
  "use strict";
  const LIMIT = 4294967295, MOST = 65535; /* beyond them a ZIP64 would be needed */
  const TABLE = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) { c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1; }
    TABLE[n] = c >>> 0;
  }
  async function crc32(blob) {
    let c = 0xffffffff;
    await self.gxSha256.pieces(blob, (bytes) => { for (let i = 0; i < bytes.length; i++) { c = TABLE[(c ^ bytes[i]) & 255] ^ (c >>> 8); } });
    return (c ^ 0xffffffff) >>> 0;
  }
  /* MS-DOS time, in the phone's own zone as every ZIP has it */
  function dos(at) {
    const d = new Date(at || Date.now());
    return [(d.getHours() << 11) | (d.getMinutes() << 5) | (d.getSeconds() >> 1), ((Math.max(1980, d.getFullYear()) - 1980) << 9) | ((d.getMonth() + 1) << 5) | d.getDate()];
  }
  /* [[bytes, value], …] little-endian, then the rest as it is */
  function packed(numbers, ...rest) {
    const view = new DataView(new ArrayBuffer(numbers.reduce((sum, [size]) => sum + size, 0)));
    let at = 0;
    numbers.forEach(([size, value]) => { if (size === 2) { view.setUint16(at, value, true); } else { view.setUint32(at, value, true); } at += size; });
    return new Blob([view.buffer, ...rest]);
  }
  self.gxZip = async (entries) => {
    const parts = [], central = [];
    let at = 0;
    if (entries.length > MOST) { throw new Error("too many files for one ZIP"); }
    for (const entry of entries) {
      const blob = entry.blob instanceof Blob ? entry.blob : new Blob([entry.blob]), name = new TextEncoder().encode(entry.name), [time, day] = dos(entry.at);
      const common = [[2, 20], [2, 0x0800], [2, 0], [2, time], [2, day], [4, await crc32(blob)], [4, blob.size], [4, blob.size], [2, name.length], [2, 0]];
      if (at + blob.size > LIMIT - 1e6) { throw new Error("more than 4 GB in one ZIP"); }
      const head = packed([[4, 0x04034b50], ...common], name);
      central.push(packed([[4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]], name));
      parts.push(head, blob);
      at += head.size + blob.size;
    }
    const size = central.reduce((sum, one) => sum + one.size, 0);
    const end = packed([[4, 0x06054b50], [2, 0], [2, 0], [2, entries.length], [2, entries.length], [4, size], [4, at], [2, 0]]);
    return new Blob([...parts, ...central, end], { type: "application/zip" });
  };
})();
