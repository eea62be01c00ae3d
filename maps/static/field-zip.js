/* gxZip([{name, blob, at}]) → Blob: a ZIP without compression (photos are compressed already) and with UTF-8 names.
   The blobs are read once for their CRC-32 and then only referred to: no copy of them is made in memory.
   gxPackage() → {blob, name, photos, records}: 离线包, what gxStore holds as originals + manifest.json. */
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

  /* --- 离线包 ------------------------------------------------------------------------------------------------ */
  const ENDINGS = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic", "image/heif": "heic" };
  const safe = (text) => String(text === undefined || text === null ? "" : text).replace(/[^\w\u4e00-\u9fff-]+/g, "_").slice(0, 40);
  self.gxPackage = async () => {
    const store = self.gxStore, entries = [], records = [], made = new Date(store.now()), missing = [];
    for (const row of await store.all()) {
      const record = Object.assign({}, row);
      ["key", "freed", "unsaved"].forEach((field) => delete record[field]);
      record.sent = row.state.name === "sent";
      if (record.sent && row.state.receipt) { record.seq = row.state.receipt.seq; }
      delete record.state;
      if (row.kind === "photo") {
        const blob = await store.blob(row.id);
        if (blob) {
          const day = String(row.taken_at || row.saved_at).replace(/[-:]/g, "").slice(0, 15);
          record.file = [safe(row.case), [safe(row.part), safe(row.shot), day, row.id.slice(0, 8)].filter(Boolean).join("_") + "." + (ENDINGS[row.type] || "bin")].join("/");
          entries.push({ name: record.file, blob, at: row.taken_at || row.saved_at });
        } else { missing.push(row.id); }
      }
      records.push(record);
    }
    const manifest = {
      format: "gengxun-package", version: 1, made_at: made.toISOString(), clock: store.clock(),
      link: { id: store.link, expires_at: await store.meta("expires_at") }, records, drafts: await store.written(), missing,
    };
    entries.unshift({ name: "manifest.json", blob: new Blob([JSON.stringify(manifest, null, 1)], { type: "application/json" }), at: made });
    const stamp = new Date(made.getTime() + 8 * 3600e3).toISOString().replace(/[-:T]/g, "").slice(0, 12);
    return { blob: await self.gxZip(entries), name: "离线包_" + stamp + ".zip", photos: entries.length - 1, records: records.length };
  };
})();
