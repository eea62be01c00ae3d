/* What a phone keeps of one field link: IndexedDB, one database a link. Also for the service worker.

   gxStore.open(link)            → ready; adopts nothing, deletes what was receipted 30 days ago
   put(record, blob)             → row; resolves on transaction.oncomplete, never before. record.kind: photo (id = sha256, with
                                   blob), verdict, postponed (id = uuid, blob null). The same record again: the row that is held.
                                   Rejects with error.code: full | locked | storage; error.message is a sentence. The photo is then
                                   held in memory: it is listed as `unsaved`, goes up and into the package all the same.
   all()                         → rows, oldest first: the record's fields + {key, kind, saved_at, state}
                                   state: {name: "waiting"} | {name: "uploading", n: percent, share, sent} | {name: "sent", receipt, at}
                                   | {name: "retry", n, at, sentence} | {name: "refused", sentence, code} | {name: "moved", to};
                                   sentence: {zh, en}; unsaved: true where the disk refused it
   blob(id)                      → Blob or null (null as well for a receipted copy that made room on a full disk)
   draft(key), saveDraft(key, value | null), drafts() → {key: value}; written() → those that a person wrote
   mark(id, state)               → kept (uploading only in memory, told to the other tabs)
   space()                       → {free, low, known, persisted}; low: below 200 MB, or the room held ready is gone
   meta(key), setMeta(key, value)
   seen(link)                    data.json's link {server_now, expires_at}: the last server time and the end; clock() → of a record
   lock()                        → null | {code: 403 | 410 | "expired", at, expires_at}; setLock(code | null)
   adopt(numbers)                → how many unsent records of links that no longer work, or are full, were taken over (same cases, same phone)
   addEventListener("change")    detail: {what: put | mark | draft | lock | adopt | tidy | space, key} */
(function () {
  "use strict";
  const PREFIX = "gengxun-field-", LOW = 200e6, DAY = 864e5, KEEP_DAYS = 30, VERSION = 1;
  const say = (zh, en) => ({ zh, en });
  let db = null, name = "", channel = null, lockTimer = null, serverSeen = null, locked = null, end = null, asked = false;
  const busy = new Map(), loose = new Map(); /* key → uploading state; key → {row, blob} that the disk refused */

  class Store extends EventTarget {}
  const store = (self.gxStore = new Store());
  const tell = (detail) => { store.dispatchEvent(new CustomEvent("change", { detail })); };
  const tellAll = (detail) => { tell(detail); if (channel) { channel.postMessage(detail); } };
  const failed = (code, text, cause) => Object.assign(new Error(text[lang()]), { code, sentence: text, cause });
  const lang = () => (self.document && document.documentElement.lang.slice(0, 2) === "en" ? "en" : "zh");

  const wish = (request) => new Promise((done, wrong) => { request.onsuccess = () => done(request.result); request.onerror = () => wrong(request.error); });
  /* work(transaction) may give a request; what it held is given when the transaction is on the disk */
  function within(base, names, mode, work) {
    return new Promise((done, wrong) => {
      let t, request;
      try {
        t = mode === "readwrite" ? base.transaction(names, mode, { durability: "strict" }) : base.transaction(names, mode);
        request = work(t);
      } catch (error) { wrong(error); return; }
      t.oncomplete = () => done(request instanceof IDBRequest ? request.result : request);
      t.onabort = () => wrong(t.error || new DOMException("the transaction was given up", "AbortError"));
    });
  }
  function opened(of) {
    const request = indexedDB.open(of, VERSION);
    request.onupgradeneeded = () => {
      const base = request.result;
      base.createObjectStore("records", { keyPath: "key" }); /* key: case/id */
      ["blobs", "drafts", "meta"].forEach((one) => base.createObjectStore(one));
    };
    return wish(request);
  }
  const here = () => { if (!db) { throw failed("storage", say("浏览器没有打开本机存储。", "The browser did not open its storage."), null); } return db; };

  /* --- opening ------------------------------------------------------------------------------------------- */
  let opening = null;
  store.open = (link) => (opening && name === PREFIX + link ? opening : (name = PREFIX + link, opening = open(link)));
  async function open(link) {
    store.link = link;
    try { db = await opened(name); } catch (error) {
      opening = null;
      throw failed("storage", say("这个浏览器不给网页存东西（无痕模式？）。", "This browser lets pages keep nothing (private mode?)."), error);
    }
    db.onversionchange = () => { db.close(); };
    db.onclose = () => { db = null; opened(name).then((again) => { db = again; }, () => {}); };
    register(link);
    if (self.BroadcastChannel && !channel) {
      channel = new BroadcastChannel(name);
      channel.onmessage = async ({ data }) => {
        if (data.state) { if (data.state.name === "uploading") { busy.set(data.key, data.state); } else { busy.delete(data.key); } }
        if (data.what === "lock") { locked = (await store.meta("lock")) || null; }
        tell(data);
      };
    }
    serverSeen = (await store.meta("server_seen")) || null;
    end = (await store.meta("expires_at")) || null;
    locked = (await store.meta("lock")) || null;
    watchEnd();
    await tidy(db);
    return store;
  }
  /* where indexedDB.databases() is missing, the links of this phone are read from here */
  function register(link) {
    try {
      const known = JSON.parse(localStorage.getItem("gengxun-field") || "[]");
      if (!known.includes(link)) { localStorage.setItem("gengxun-field", JSON.stringify([...known, link].slice(-200))); }
    } catch (_) { /* the service worker has none, some modes refuse it */ }
  }
  async function others() {
    const found = new Set();
    try { (await indexedDB.databases()).forEach((one) => found.add(one.name)); } catch (_) {
      try { JSON.parse(localStorage.getItem("gengxun-field") || "[]").forEach((link) => found.add(PREFIX + link)); } catch (_) { /* none */ }
    }
    return [...found].filter((one) => one.startsWith(PREFIX) && one !== name);
  }

  /* --- records ------------------------------------------------------------------------------------------- */
  const keyOf = (record) => record.case + "/" + record.id;
  const shown = (row) => (busy.has(row.key) && row.state.name !== "sent" ? Object.assign({}, row, { state: busy.get(row.key) }) : row);
  const rowsOf = (base) => within(base, ["records"], "readonly", (t) => t.objectStore("records").getAll());

  store.put = async (record, blob) => {
    const now = store.now(), kind = record.kind || "photo", taken = Date.parse(record.taken_at || "") || now;
    const stop = store.lock();
    if (stop && taken > Date.parse(stop.at)) {
      throw failed("locked", say("链接已失效，本机不再收新的记录；已有的都在，可以导出。", "The link no longer works: nothing new is taken, what is here stays and can be exported."), null);
    }
    if (kind === "photo" && !asked) { asked = true; persist(); }
    const row = Object.assign({}, record, { kind, key: keyOf(record), link: store.link, saved_at: new Date(now).toISOString(), state: { name: "waiting" } });
    try {
      /* a full disk: first the reserve makes room, then the copies that the office has receipted, the others never */
      const kept = await write(row, blob).catch(async (error) => {
        if (!(await spendReserve())) { throw error; }
        return again(() => write(row, blob));
      }).catch(async (error) => {
        if (!full(error) || !(await makeRoom(blob ? blob.size : 0))) { throw error; }
        return again(() => write(row, blob));
      });
      loose.delete(row.key);
      if (kind === "photo") { setTimeout(reserve, 2000); }
      tellAll({ what: "put", key: row.key });
      return kept;
    } catch (error) {
      row.unsaved = true;
      loose.set(row.key, { row, blob });
      tell({ what: "put", key: row.key });
      if (full(error)) {
        throw failed("full", say("本机存储满了，这一条只在内存里：请勿关闭本页，先导出或上传，再清理手机。", "The phone's storage is full; this one is only in memory: do not close the page, export or upload, then make room."), error);
      }
      throw failed("storage", say("本机没有存下这一条，它只在内存里：请勿关闭本页，先导出或上传。", "The phone did not keep this one, it is only in memory: do not close the page, export or upload first."), error);
    }
  };
  function write(row, blob) {
    let kept = row;
    return within(here(), ["records", "blobs"], "readwrite", (t) => {
      const records = t.objectStore("records"), had = records.get(row.key);
      had.onsuccess = () => {
        if (had.result) { kept = had.result; return; }
        if (blob) { t.objectStore("blobs").put(blob, row.id); }
        records.put(row);
      };
    }).then(() => kept);
  }
  /* a browser gives room back some seconds after the bytes were deleted */
  async function again(run) {
    for (const wait of [0, 1000, 2000, 3000, 4000]) {
      await new Promise((done) => { setTimeout(done, wait); });
      try { return await run(); } catch (error) { if (!full(error) || wait === 4000) { throw error; } }
    }
    return null;
  }
  const full = (error) => !!error && (error.name === "QuotaExceededError" || /quota|disk|space/i.test(error.message || ""));
  async function makeRoom(wanted) {
    let won = 0;
    for (const row of (await rowsOf(here())).sort(byTime)) {
      if (won > wanted * 2 || row.state.name !== "sent" || row.kind !== "photo" || row.freed) { continue; }
      await within(here(), ["records", "blobs"], "readwrite", (t) => {
        t.objectStore("blobs").delete(row.id);
        t.objectStore("records").put(Object.assign(row, { freed: true }));
      });
      won += row.size || 0;
    }
    return won > 0;
  }
  const byTime = (a, b) => { const x = a.taken_at || a.saved_at, y = b.taken_at || b.saved_at; return x < y ? -1 : x > y ? 1 : 0; };

  store.all = async () => {
    const rows = await rowsOf(here());
    loose.forEach(({ row }) => rows.push(row));
    return rows.filter((row) => row.state.name !== "moved").map(shown).sort(byTime);
  };
  store.blob = async (id) => {
    for (const one of loose.values()) { if (one.row.id === id) { return one.blob || null; } }
    return (await within(here(), ["blobs"], "readonly", (t) => t.objectStore("blobs").get(id))) || null;
  };
  /* id: of the record, or its key */
  store.mark = async (id, state) => {
    const key = id.includes("/") ? id : ((await store.all()).find((row) => row.id === id) || {}).key;
    if (!key) { return; }
    if (state.name === "uploading") { busy.set(key, state); tellAll({ what: "mark", key, state }); return; }
    if (loose.has(key)) {
      const held = loose.get(key);
      held.row.state = state;
      if (state.name === "sent") { /* the bytes are safe at the office; the row is small and may find room */
        loose.delete(key);
        await write(Object.assign(held.row, { unsaved: false, freed: true }), null).catch(() => {});
      }
    } else {
      await within(here(), ["records"], "readwrite", (t) => {
        const records = t.objectStore("records"), had = records.get(key);
        had.onsuccess = () => { if (had.result && (had.result.state.name !== "sent" || better(had.result.state, state))) { records.put(Object.assign(had.result, { state })); } };
      });
    }
    busy.delete(key);
    tellAll({ what: "mark", key, state });
  };

  /* a receipt stands for good, but for that of a verdict which waited for its photos at the office */
  const better = (held, state) => state.name === "sent" && !!held.receipt && held.receipt.kind === "WAITING";

  /* what another tab was sending when it ended is no longer on the way */
  store.calm = () => busy.clear();

  /* --- drafts -------------------------------------------------------------------------------------------- */
  store.draft = async (key) => {
    const held = await within(here(), ["drafts"], "readonly", (t) => t.objectStore("drafts").get(key));
    return held === undefined ? null : held;
  };
  store.saveDraft = async (key, value) => {
    await within(here(), ["drafts"], "readwrite", (t) => {
      if (value === null || value === undefined) { t.objectStore("drafts").delete(key); } else { t.objectStore("drafts").put(value, key); }
    });
    tellAll({ what: "draft", key });
  };
  store.drafts = async () => {
    const found = {};
    await within(here(), ["drafts"], "readonly", (t) => {
      t.objectStore("drafts").openCursor().onsuccess = (event) => { const at = event.target.result; if (at) { found[at.key] = at.value; at.continue(); } };
    });
    return found;
  };
  /* drafts of the page's own memory (data, clock, at, hand/…) are no work of a person */
  const OWN = /^(data|clock|at|hand\/.*)$/;
  store.written = async () => Object.fromEntries(Object.entries(await store.drafts()).filter(([key]) => !OWN.test(key)));
  store.draftOpen = async () => Object.keys(await store.written()).length > 0;
  store.meta = async (key) => { const held = await within(here(), ["meta"], "readonly", (t) => t.objectStore("meta").get(key)); return held === undefined ? null : held; };
  store.setMeta = (key, value) => within(here(), ["meta"], "readwrite", (t) => { t.objectStore("meta").put(value, key); });
  /* one uploader where navigator.locks is missing (plain http): true while `owner` holds the lease */
  store.lease = async (owner, ms) => {
    let mine = false;
    await within(here(), ["meta"], "readwrite", (t) => {
      const meta = t.objectStore("meta"), had = meta.get("lease");
      had.onsuccess = () => {
        const now = Date.now(), held = had.result;
        mine = !held || held.owner === owner || held.until < now || held.until > now + 120000;
        if (mine) { meta.put({ owner, until: now + ms }, "lease"); }
      };
    });
    return mine;
  };

  /* --- space --------------------------------------------------------------------------------------------- */
  async function persist() {
    try { if (navigator.storage && navigator.storage.persist) { store.persisted = await navigator.storage.persist(); } } catch (_) { /* not asked */ }
  }
  store.persisted = null;
  /* Chromium answers "10 GB free" whatever the disk holds, until persistence was granted. So room for the next photos is
     held ready by bytes of our own: where they cannot be written, or had to be given up, the disk is nearly full, for sure. */
  store.reserveBytes = 24e6;
  let reserved = null, spent = false, triedAt = 0;
  /* in a database of its own, so that no photo has to wait for it; one for all links of this phone */
  const ROOM = "gengxun-room";
  async function room(work) {
    const request = indexedDB.open(ROOM, 1);
    request.onupgradeneeded = () => { request.result.createObjectStore("room"); };
    const base = await wish(request);
    base.onversionchange = () => base.close();
    try { return await work(base); } finally { base.close(); }
  }
  const roomCount = () => room((base) => within(base, ["room"], "readonly", (t) => t.objectStore("room").count("bytes")));
  async function reserve() {
    if (reserved === true || reserved === "busy" || (reserved === false && Date.now() - triedAt < 30000)) { return; }
    triedAt = Date.now();
    reserved = "busy";
    try {
      if (!(await roomCount())) {
        await room((base) => within(base, ["room"], "readwrite", (t) => { t.objectStore("room").put(new Blob([new Uint8Array(store.reserveBytes)]), "bytes"); }));
      }
      reserved = true;
      if (spent) { spent = false; tell({ what: "space" }); }
    } catch (_) {
      reserved = false;
      if (!spent) { spent = true; tell({ what: "space" }); }
    }
  }
  async function spendReserve() {
    if (!(await roomCount().catch(() => 0))) { return false; }
    await room((base) => within(base, ["room"], "readwrite", (t) => { t.objectStore("room").delete("bytes"); }));
    reserved = false;
    spent = true;
    triedAt = Date.now();
    tell({ what: "space" });
    return true;
  }
  store.roomHeld = () => reserved === true;
  store.space = async () => {
    if (reserved === false) { reserve(); }
    let free = null;
    try {
      const { quota, usage } = await navigator.storage.estimate();
      free = Math.max(0, quota - usage);
    } catch (_) { /* plain http tells nothing */ }
    if (spent) { free = Math.min(free === null ? Infinity : free, store.reserveBytes); }
    return { free, low: free !== null && free < LOW, known: free !== null, persisted: store.persisted };
  };

  /* --- clock and end ------------------------------------------------------------------------------------- */
  /* Now, as well as it can be known: the phone's clock, put right by the last server time seen, and never before that time. */
  store.now = () => {
    const phone = Date.now();
    if (!serverSeen) { return phone; }
    const since = serverSeen.origin === performance.timeOrigin ? performance.now() - serverSeen.mono : null;
    if (since !== null && since >= 0) { return Math.max(serverSeen.server + since, serverSeen.server); }
    return Math.max(phone + (serverSeen.gap || 0), serverSeen.server);
  };
  store.clock = () => ({
    phone_at: new Date().toISOString(),
    server_seen_at: serverSeen ? new Date(serverSeen.server).toISOString() : null,
    monotonic_ms: serverSeen && serverSeen.origin === performance.timeOrigin ? Math.round(performance.now() - serverSeen.mono) : null,
  });
  /* live: it came just now from the server; false: from a cache or inside an offline file, where only "not before" can be said */
  store.seen = async (link, live = true) => {
    const server = Date.parse(link.server_now);
    if (link.expires_at && (live || !end)) { end = link.expires_at; await store.setMeta("expires_at", end); }
    if (Number.isFinite(server) && (!serverSeen || server >= serverSeen.server)) {
      const phone = Date.now();
      serverSeen = live ? { server, gap: server - phone, mono: performance.now(), origin: performance.timeOrigin }
        : { server, gap: serverSeen ? serverSeen.gap : 0, mono: 0, origin: null };
      await store.setMeta("server_seen", serverSeen);
    }
    if (live && locked && Date.parse(end) > store.now()) { await store.setLock(null); }
    watchEnd();
  };
  store.lock = () => {
    if (locked) { return locked; }
    if (end && store.now() >= Date.parse(end)) { return { code: "expired", at: new Date(end).toISOString(), expires_at: end }; }
    return null;
  };
  store.setLock = async (code) => {
    locked = code ? { code, at: code === 410 && end ? new Date(Math.min(Date.parse(end), store.now())).toISOString() : new Date(store.now()).toISOString(), expires_at: end } : null;
    try { await store.setMeta("lock", locked); } catch (_) { /* it holds for this page */ }
    tellAll({ what: "lock", lock: store.lock() });
  };
  function watchEnd() {
    clearTimeout(lockTimer);
    if (!end) { return; }
    const left = Date.parse(end) - store.now();
    if (left <= 0) { tell({ what: "lock", lock: store.lock() }); return; }
    lockTimer = setTimeout(watchEnd, Math.min(left + 20, 60000)); /* a sleeping phone wakes late: looked at each minute, and on return */
  }
  if (self.document) { document.addEventListener("visibilitychange", () => { if (!document.hidden) { watchEnd(); } }); }

  /* --- what is over, and what a new link takes over --------------------------------------------------------- */
  /* 30 days after all receipts of a link; what has no receipt is never deleted */
  async function tidy(base) {
    const rows = await rowsOf(base);
    const last = rows.map((row) => (row.state.name === "sent" ? Date.parse(row.state.at) : row.state.name === "moved" ? Date.parse(row.state.at) : Infinity));
    if (!rows.length || Math.max(...last) + KEEP_DAYS * DAY > Date.now()) { return false; }
    await within(base, ["records", "blobs", "drafts"], "readwrite", (t) => { ["records", "blobs", "drafts"].forEach((one) => t.objectStore(one).clear()); });
    indexedDB.deleteDatabase(ROOM); /* the next photo makes it anew */
    reserved = null;
    tell({ what: "tidy" });
    return true;
  }
  store.tidyOthers = async () => {
    for (const one of await others()) {
      const base = await opened(one);
      try { await tidy(base); } finally { base.close(); }
    }
  };
  store.adopt = async (numbers) => {
    let taken = 0;
    for (const one of await others()) {
      const base = await opened(one);
      try {
        const [stop, over] = await within(base, ["meta"], "readonly", (t) => ["lock", "expires_at"].map((key) => t.objectStore("meta").get(key))).then((both) => both.map((r) => r.result));
        const ended = !!stop || (!!over && Date.parse(over) <= store.now());
        for (const row of await rowsOf(base)) {
          if (!numbers.includes(row.case) || ["sent", "moved"].includes(row.state.name)) { continue; }
          if (!ended && !(row.kind === "photo" && row.state.code === 409)) { continue; } /* that link still works: its own page sends them, save what it is too full for */
          const blob = row.kind === "photo" ? await within(base, ["blobs"], "readonly", (t) => t.objectStore("blobs").get(row.id)) : null;
          await write(Object.assign({}, row, { from_link: row.from_link || row.link, link: store.link, state: { name: "waiting" } }), blob);
          /* only now, when it is on the disk here */
          await within(base, ["records"], "readwrite", (t) => { t.objectStore("records").put(Object.assign({}, row, { state: { name: "moved", to: store.link, at: new Date().toISOString() } })); });
          taken += 1;
        }
      } finally { base.close(); }
    }
    if (taken) { tellAll({ what: "adopt" }); }
    return taken;
  };
})();
