/* Sends what the phone keeps, as often as it takes; what has a receipt is not sent again. Also for the service worker.

   gxQueue.start({base, cases})  base: address of the link's path; cases: [numbers], whose records of dead links are taken over
   kick()                        now, whatever the back-off says (a press, the network came back, the page came to the front)
   drain()                       → when nothing more can be done now
   status()                      → {running, stopped: null | 403 | 410, again_at: ms | 0, sentence}
   addEventListener("locked")    detail: {code: 403 | 410}; nothing more is tried until a press finds the link good
   addEventListener("change")    status() changed
   The states of records are told by gxStore. Order: verdicts, then photos, oldest first. */
(function () {
  "use strict";
  const FIRST_MS = 2000, MOST_MS = 300000, LEAST = 65536, LARGEST = 4194304, PART_MS = 1500, LEASE_MS = 30000;
  const store = self.gxStore;
  const say = (zh, en) => ({ zh, en });
  const SAID = {
    damaged: say("这张照片在本机上已损坏，与拍摄时的校验值不符。请重拍。", "This photo was damaged on the phone: it no longer fits the hash taken at the shutter. Take it again."),
    mismatch: say("传到服务器的内容与校验值不符，稍后重传。", "What reached the office does not fit the hash; it is sent again later."),
    gone: say("本机上已找不到这张照片的原件。", "The original of this photo is no longer on the phone."),
    large: say("这个文件超过服务器允许的大小。请导出离线包，带回办公室处理。", "This file is larger than the office takes. Export a package and bring it in."),
    full: say("服务器磁盘已满，没有收下。记录仍在本机，稍后自动再传。", "The office's disk is full, nothing was taken. The record stays here and is sent again later."),
    many: say("服务器请稍后再传。", "The office asks to wait."),
    error: say("服务器出错，记录仍在本机，稍后自动再传。", "The office answered with an error; the record stays here and is sent again later."),
    network: say("没有连上服务器，记录仍在本机，稍后自动再传。", "The office was not reached; the record stays here and is sent again later."),
    stranger: say("回答不是来自局里的服务器（也许要先登录这个 WiFi）。记录仍在本机。", "That answer is not from the office (perhaps this WiFi wants a log-in first). The record stays here."),
    notThere: say("服务器上没有这个图斑，或不在这个链接里。请导出离线包。", "The office does not know this case, or it is not in this link. Export a package."),
    refused: say("服务器没有收下这一条。请导出离线包，带回办公室处理。", "The office did not take this one. Export a package and bring it in."),
  };
  class Queue extends EventTarget {}
  const queue = (self.gxQueue = new Queue());
  const me = String(Math.random()).slice(2) + Date.now();
  let base = "", running = null, timer = null, pauseUntil = 0, pressedAt = 0, stopped = null, sentence = null, part = 4 * LEAST;
  let news = 1; /* counts the occasions on which a verdict that waits for photos at the office may have taken effect */
  const askedAt = new Map();

  const tell = (name, detail) => queue.dispatchEvent(new CustomEvent(name, { detail }));
  queue.status = () => ({ running: !!running, stopped, again_at: pauseUntil > Date.now() ? pauseUntil : 0, sentence });

  /* --- when ------------------------------------------------------------------------------------------------ */
  queue.start = async (options) => {
    if (location.protocol === "file:") { return; }
    base = options.base.replace(/[#?].*$/, "").replace(/[^/]*$/, "");
    store.addEventListener("change", (event) => {
      if (["put", "adopt"].includes(event.detail.what)) { queue.drain(); }
      if (event.detail.what === "mark" && !running) { plan(); }
      if (event.detail.what === "lock" && event.detail.lock && navigator.serviceWorker && navigator.serviceWorker.controller) {
        navigator.serviceWorker.controller.postMessage({ gx: "ended" }); /* the case leaves the phone's cache */
      }
    });
    if (self.document) {
      addEventListener("online", () => queue.kick());
      document.addEventListener("visibilitychange", () => { if (!document.hidden) { queue.kick(); } });
      newerWorker();
    }
    const held = store.lock();
    if (held && (held.code === 403 || held.code === 410)) { stopped = held.code; queue.kick(); } else { queue.drain(); }
    const numbers = options.cases || (((await store.draft("data")) || {}).cases || []).map((one) => one.number);
    if (numbers.length) { await store.adopt(numbers).catch(() => 0); }
    setTimeout(() => { store.tidyOthers().catch(() => {}); }, 10000);
  };
  queue.kick = async () => {
    pressedAt = Date.now();
    news += 1;
    pauseUntil = 0;
    if (stopped && !(await good())) { return; }
    await queue.drain();
  };
  queue.drain = () => {
    if (!base || stopped || running) { return running || Promise.resolve(); }
    running = alone(work).catch(() => {}).then(() => { running = null; tell("change", queue.status()); return plan(); });
    tell("change", queue.status());
    return running;
  };
  /* One tab at a time, and the service worker counts as one. Twice would do no harm, only cost bytes. */
  async function alone(run) {
    if (navigator.locks) { return navigator.locks.request("gengxun-upload-" + store.link, run); }
    if (!(await store.lease(me, LEASE_MS))) { pauseUntil = Date.now() + LEASE_MS / 3; return null; }
    const beat = setInterval(() => { store.lease(me, LEASE_MS).catch(() => {}); }, LEASE_MS / 3);
    try { return await run(); } finally { clearInterval(beat); await store.lease(me, 0); }
  }
  const order = (rows) => rows.slice().sort((a, b) => Number(a.kind === "photo") - Number(b.kind === "photo")); /* sort keeps the order of time */
  const open = (rows) => order(rows).filter((row) => !["sent", "refused", "moved"].includes(row.state.name));
  const dueAt = (row) => (row.state.name !== "retry" || row.state.since < pressedAt ? 0 : Date.parse(row.state.at) || 0);
  async function work() {
    store.calm();
    for (;;) {
      if (stopped || navigator.onLine === false || pauseUntil > Date.now()) { return; }
      const rows = await store.all(), row = open(rows).find((one) => dueAt(one) <= Date.now());
      const kept = row ? null : rows.find((one) => waits(one) && askedAt.get(one.key) !== news);
      if (!row && !kept) { return; }
      await (row ? send(row) : askAfter(kept));
    }
  }
  /* A verdict that the office keeps until its photos are there has a receipt, but no effect yet. It is asked after when a
     photo went up, on opening, on a press, and every few minutes: the photos may come from another phone. */
  const waits = (row) => row.state.name === "sent" && !!row.state.receipt && row.state.receipt.kind === "WAITING";
  async function askAfter(row) {
    askedAt.set(row.key, news);
    try {
      const receipt = await telling(row);
      if (receipt.kind !== "WAITING" || JSON.stringify(receipt.lacks) !== JSON.stringify(row.state.receipt.lacks)) {
        await store.mark(row.key, { name: "sent", receipt, at: new Date(store.now()).toISOString() });
      }
    } catch (stop) { if (stop.lock) { await lock(stop.lock); } } /* it has a receipt: nothing is lost, and it is asked again */
  }
  /* the next look, and the browser's own way for when the page is closed */
  async function plan() {
    clearTimeout(timer);
    if (stopped) { return; }
    let rows = [], kept = false;
    try { rows = await store.all(); kept = rows.some(waits); rows = open(rows); } catch (_) { return; }
    if (!rows.length) {
      sentence = null;
      if (kept && self.document) { timer = setTimeout(() => { news += 1; queue.drain(); }, MOST_MS); }
      return;
    }
    const at = Math.max(pauseUntil, Math.min(...rows.map(dueAt)));
    if (self.document) { timer = setTimeout(queue.drain, Math.min(MOST_MS, Math.max(50, navigator.onLine === false ? MOST_MS : at - Date.now()))); later(); }
  }
  function later() {
    if (!navigator.serviceWorker || !navigator.serviceWorker.controller) { return; }
    navigator.serviceWorker.ready.then((worker) => (worker.sync ? worker.sync.register("gx-upload") : null)).catch(() => {});
  }
  /* a new version of the page's worker waits until no draft is open */
  async function newerWorker() {
    if (!navigator.serviceWorker) { return; }
    const take = async (worker) => {
      if (worker.waiting && worker.active && !(await store.draftOpen().catch(() => true))) { worker.waiting.postMessage({ gx: "take-over" }); }
    };
    const worker = await navigator.serviceWorker.ready.catch(() => null);
    if (!worker) { return; }
    take(worker);
    worker.addEventListener("updatefound", () => {
      const next = worker.installing;
      if (next) { next.addEventListener("statechange", () => { if (next.state === "installed") { take(worker); } }); }
    });
  }

  /* --- one record -------------------------------------------------------------------------------------------- */
  /* what went wrong: {network} all wait, {after} ms, {refused}, {lock}; else this one waits */
  const trouble = (what) => Object.assign(new Error("not sent"), what);
  async function send(row) {
    try {
      const receipt = await (row.kind === "photo" ? photo(row) : words(row));
      sentence = null;
      await store.mark(row.key, { name: "sent", receipt, at: new Date(store.now()).toISOString() });
      if (row.kind === "photo") { news += 1; }
    } catch (stop) {
      if (stop.lock) { await store.mark(row.key, row.state.name === "uploading" ? { name: "waiting" } : row.state); await lock(stop.lock); return; }
      if (stop.refused) { await store.mark(row.key, { name: "refused", code: stop.code || 0, sentence: stop.refused }); return; }
      const n = (row.state.n || 0) + 1, wait = Math.max(stop.after || 0, Math.min(MOST_MS, FIRST_MS * 2 ** (n - 1)) * (0.85 + 0.3 * Math.random()));
      const now = Date.now();
      sentence = stop.sentence || SAID.error;
      await store.mark(row.key, { name: "retry", n, at: new Date(now + wait).toISOString(), since: now, sentence, bad: stop.bad || row.state.bad || 0 });
      part = Math.max(LEAST, part / 2);
      if (stop.network) { pauseUntil = now + wait; }
    }
  }
  /* the server's own receipt of this record, or null */
  const fits = (receipt, row, size) => receipt && receipt.sha256 === row.id && Number.isInteger(receipt.seq) && (receipt.size === undefined || receipt.size === null || receipt.size === size);

  async function photo(row) {
    const blob = await store.blob(row.id), address = "up/" + row.id;
    if (!blob) { throw trouble({ refused: SAID.gone }); }
    const headers = { "X-Gx-Record": header(row), "Content-Type": row.type || "application/octet-stream" };
    let held = await ahead(address, headers, row, blob.size), turns = 0, whole = false;
    while (!held.receipt) {
      const from = Math.min(held.offset, blob.size), to = Math.min(blob.size, from + part), began = performance.now();
      await store.mark(row.key, { name: "uploading", n: Math.floor((100 * from) / blob.size), share: from / blob.size, sent: from });
      const range = whole ? {} : { "Content-Range": "bytes " + (to > from ? from + "-" + (to - 1) : "*") + "/" + blob.size };
      const answer = await ask("PUT", address, Object.assign({}, headers, range), whole ? blob : blob.slice(from, to));
      if (answer.status === 200 || answer.status === 201) {
        const receipt = await json(answer);
        if (!fits(receipt, row, blob.size)) { throw trouble({ network: true, sentence: SAID.stranger }); }
        return receipt;
      }
      if (answer.status === 202) {
        const said = await json(answer), offset = said ? said.offset : null;
        if (!Number.isInteger(offset) || offset < 0 || offset > blob.size) { throw trouble({ network: true, sentence: SAID.stranger }); }
        part = Math.round(Math.min(LARGEST, Math.max(LEAST, ((to - from) / Math.max(30, performance.now() - began)) * PART_MS)));
        turns = offset > from ? 0 : turns + 1;
        held = { offset };
      } else if (answer.status === 416) {
        const offset = Number(answer.headers.get("Upload-Offset") || NaN);
        turns += 1;
        held = Number.isInteger(offset) && offset >= 0 ? { offset } : await ahead(address, headers, row, blob.size);
      } else if (answer.status === 422) {
        if ((await self.gxSha256(blob)) !== row.id) { throw trouble({ refused: SAID.damaged, code: 422 }); }
        const bad = (row.state.bad || 0) + 1; /* breaks of the line do not count: only what arrived whole and was wrong */
        if (bad > 5) { throw trouble({ refused: (await told(answer)) || SAID.mismatch, code: 422 }); }
        throw trouble({ sentence: SAID.mismatch, bad });
      } else { throw await wrong(answer); }
      if (turns > 2) { if (whole) { throw trouble({}); } whole = true; turns = 0; held = { offset: 0 }; }
    }
    return held.receipt;
  }
  /* how much the office holds: HEAD before anything is sent, so that a break costs only what was on the way */
  async function ahead(address, headers, row, size) {
    const answer = await ask("HEAD", address, { "X-Gx-Record": headers["X-Gx-Record"] });
    if (answer.status === 404) { return { offset: 0 }; }
    if (!answer.ok) { throw await wrong(answer); }
    const seq = answer.headers.get("X-Gx-Receipt"), offset = Number(answer.headers.get("Upload-Offset") || 0);
    if (seq !== null && Number.isInteger(Number(seq))) {
      const date = Date.parse(answer.headers.get("Date") || "");
      return { receipt: { sha256: row.id, seq: Number(seq), at: Number.isFinite(date) ? new Date(date).toISOString() : null, size, again: true } };
    }
    return { offset: Number.isInteger(offset) && offset >= 0 && offset <= size ? offset : 0 };
  }
  async function words(row) {
    await store.mark(row.key, { name: "uploading", n: 0, share: 0, sent: 0 });
    return telling(row);
  }
  /* the same record again: the office answers with what has become of it */
  async function telling(row) {
    const body = { id: row.id, case: row.case, part: row.part, clock: row.clock };
    if (row.kind === "postponed") { Object.assign(body, row.payload); } else { Object.assign(body, { version: row.version, payload: row.payload }); }
    ["taken_at", "from_link"].forEach((name) => { if (row[name]) { body[name] = row[name]; } });
    const answer = await ask("POST", row.kind, { "Content-Type": "application/json" }, JSON.stringify(body));
    if (!answer.ok && answer.status !== 409) { throw await wrong(answer); }
    const said = await json(answer);
    if (said && Number.isInteger(said.seq)) { return said; } /* also a 409 that was kept as an addition */
    if (answer.ok) { throw trouble({ network: true, sentence: SAID.stranger }); }
    throw trouble({ refused: sentenceOf(said) || SAID.refused, code: 409 });
  }

  /* --- questions and answers --------------------------------------------------------------------------------- */
  const SENT = ["id", "case", "part", "shot", "n", "corner", "size", "type", "taken_at", "lon", "lat", "accuracy_m", "heading_deg", "position_source", "clock",
    "heading_source", "heading_accuracy_deg", "declination_deg", "position_age_s", "from_link"];
  function header(row) {
    const record = {};
    SENT.forEach((name) => { if (row[name] !== undefined) { record[name] = row[name]; } });
    const bytes = new TextEncoder().encode(JSON.stringify(record));
    return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join("")).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  async function ask(method, path, headers, body) {
    const stop = self.AbortController ? new AbortController() : null, size = body ? body.size || body.length || 0 : 0;
    const late = setTimeout(() => { if (stop) { stop.abort(); } }, 30000 + size / 8); /* below 8 kB/s it counts as broken off */
    try {
      const answer = await fetch(base + path, { method, headers, body, credentials: "same-origin", cache: "no-store", redirect: "manual", referrerPolicy: "no-referrer", signal: stop ? stop.signal : undefined });
      if (answer.type === "opaqueredirect") { throw trouble({ network: true, sentence: SAID.stranger }); }
      return answer;
    } catch (error) {
      throw error.network ? error : trouble({ network: true, sentence: SAID.network });
    } finally { clearTimeout(late); }
  }
  /* a body that breaks off is a break of the network, whatever the status line said */
  async function json(answer) {
    const text = await answer.text().catch(() => { throw trouble({ network: true, sentence: SAID.network }); });
    try { return JSON.parse(text); } catch (_) { return null; }
  }
  const sentenceOf = (said) => {
    const found = said && (said.zh ? said : said.detail && said.detail.zh ? said.detail : said.problem && said.problem.zh ? said.problem : null);
    return found ? { zh: String(found.zh), en: String(found.en || found.zh) } : null;
  };
  const told = async (answer) => sentenceOf(await json(answer));
  async function wrong(answer) {
    const code = answer.status, after = (Number(answer.headers.get("Retry-After")) || 0) * 1000;
    if ([401, 403, 410].includes(code)) { /* a WiFi's log-in page says 403 as well: the link is asked once more */
      if (await good()) { return trouble({ refused: (await told(answer)) || SAID.refused, code }); }
      return stopped ? trouble({ lock: stopped }) : trouble({ network: true, sentence: SAID.stranger });
    }
    if (code === 507) { return trouble({ network: true, after: Math.max(60000, after), sentence: SAID.full }); }
    if (code === 408 || code === 425 || code === 429) { return trouble({ network: true, after, sentence: SAID.many }); }
    if (code >= 502 && code <= 504) { return trouble({ network: true, after, sentence: SAID.error }); }
    if (code >= 500 || code === 416) { return trouble({ after, sentence: (await told(answer)) || SAID.error }); }
    if (code === 413) { return trouble({ refused: SAID.large, code }); }
    if (code === 404) { return trouble({ refused: SAID.notThere, code }); }
    if (code < 400) { return trouble({ network: true, sentence: SAID.stranger }); }
    return trouble({ refused: (await told(answer)) || SAID.refused, code });
  }
  /* is the link good? Sets or lifts the stop; where nobody answers, nothing changes. */
  async function good() {
    let answer;
    try { answer = await ask("GET", "data.json", { Accept: "application/json" }); } catch (_) { return false; }
    if (answer.status === 401 || answer.status === 403 || answer.status === 410) { await lock(answer.status === 410 ? 410 : 403); return false; }
    const data = answer.ok ? await json(answer).catch(() => null) : null;
    if (!data || !data.link || answer.headers.get("X-Gx-From-Cache")) { return false; } /* the phone's own copy proves nothing */
    stopped = null;
    await store.seen(data.link).catch(() => {});
    return true;
  }
  async function lock(code) {
    const news = stopped !== code;
    stopped = code;
    clearTimeout(timer);
    if (!news) { return; }
    await store.setLock(code);
    tell("locked", { code });
    tell("change", queue.status());
  }
})();
