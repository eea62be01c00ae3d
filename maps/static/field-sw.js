/* The service worker of one field link; `GX` is filled in by the server: {version, link, assets: [hashed addresses], scripts: [...]}.
   Its scope is the link's path. Two caches: the shell (page and hashed files, which hold nothing about any case) and the case
   (data.json, chips). On 403 and 410 the case's cache is deleted; the shell stays, because it is what shows the drafts. */
"use strict";
const GX = {};
importScripts(...GX.scripts);
const SHELL = "gengxun-shell-" + GX.link + "-" + GX.version, CASE = "gengxun-case-" + GX.link;
const PATIENCE_MS = 3000, ROOT = new URL("./", self.location.href).href, DATA = ROOT + "data.json";

self.addEventListener("install", (event) => event.waitUntil(install()));
async function install() {
  const shell = await caches.open(SHELL);
  await shell.addAll(GX.assets.map((address) => new Request(address, { cache: "force-cache" })));
  const page = await fetch(ROOT, { cache: "no-store", credentials: "same-origin" });
  if (!(await keepPage(page))) { throw new Error("the page of the link is not to be had"); }
  const data = await fetch(DATA, { cache: "no-store", credentials: "same-origin" });
  if (data.ok) { await keepData(data); }
}
self.addEventListener("activate", (event) => event.waitUntil(activate()));
async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith("gengxun-shell-" + GX.link + "-") && name !== SHELL) { await caches.delete(name); }
  }
  await self.clients.claim();
}
/* A new version waits; the page says when no draft is open. At the end of the link the case leaves the phone's cache. */
self.addEventListener("message", (event) => {
  const what = (event.data || {}).gx;
  if (what === "take-over") { self.skipWaiting(); }
  if (what === "ended") { event.waitUntil(caches.delete(CASE)); }
});

self.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.method !== "GET") { return; }
  const address = request.url.replace(/[#?].*$/, "");
  if (request.mode === "navigate" && address === ROOT) { event.respondWith(page(event)); }
  else if (address === DATA) { event.respondWith(data(event)); }
  else if (address.startsWith(ROOT + "chips/")) { event.respondWith(held(event, CASE)); }
  else if (GX.assets.some((one) => new URL(one, ROOT).href === address)) { event.respondWith(held(event, SHELL)); }
});

const late = () => new Promise((done) => { setTimeout(done, PATIENCE_MS, null); });
const cached = async (name, address) => (await caches.open(name)).match(address, { ignoreVary: true, ignoreSearch: true });
/* only the page itself: the opening page and a WiFi's log-in page answer 200 as well */
async function keepPage(answer) {
  if (!answer || !answer.ok || answer.redirected || !/html/.test(answer.headers.get("Content-Type") || "")) { return false; }
  const text = await answer.clone().text();
  if (!text.includes('id="gx-field-words"')) { return false; }
  await (await caches.open(SHELL)).put(ROOT, answer.clone());
  return true;
}
async function keepData(answer) {
  const kept = answer.clone(), store = await caches.open(CASE);
  let found;
  try { found = await answer.clone().json(); } catch (_) { return; }
  if (!found || !found.link) { return; }
  await store.put(DATA, kept);
  const chips = found.cases.flatMap((one) => one.chips.map((chip) => new URL(chip.href, ROOT).href)).filter((one) => one.startsWith(ROOT));
  for (const one of await store.keys()) { if (one.url !== DATA && !chips.includes(one.url)) { await store.delete(one); } }
  await Promise.all(chips.map(async (one) => {
    if (await store.match(one)) { return; }
    const chip = await fetch(one, { credentials: "same-origin" }).catch(() => null);
    if (chip && chip.ok) { await store.put(one, chip); }
  }));
}
async function page(event) {
  const asked = fetch(event.request).catch(() => null);
  const kept = await cached(SHELL, ROOT);
  const answer = await (kept ? Promise.race([asked, late()]) : asked);
  event.waitUntil(asked.then(async (one) => {
    if (one && (one.status === 403 || one.status === 410)) { await caches.delete(CASE); }
  }));
  if (!answer) { return kept || Response.error(); }
  /* the link has ended: the shell shows what is left on the phone; its data.json gets the same answer */
  if ((answer.status === 403 || answer.status === 410) && kept) { return kept; }
  if (answer.status >= 500 && kept) { return kept; }
  await keepPage(answer);
  return answer;
}
async function data(event) {
  const asked = fetch(event.request).then(async (answer) => {
    if (answer.status === 403 || answer.status === 410) { await caches.delete(CASE); }
    return answer;
  }).catch(() => null);
  const kept = await cached(CASE, DATA);
  const answer = await (kept ? Promise.race([asked, late()]) : asked);
  event.waitUntil(asked.then((one) => (one && one.ok ? keepData(one.clone()) : null)).catch(() => {}));
  if (answer && (answer.ok || answer.status === 403 || answer.status === 410 || !kept)) { return answer.clone(); }
  if (!kept) { return Response.error(); }
  const headers = new Headers(kept.headers);
  headers.set("X-Gx-From-Cache", "1");
  return new Response(await kept.blob(), { status: 200, headers });
}
async function held(event, name) {
  const kept = await cached(name, event.request.url);
  if (kept) { return kept; }
  const answer = await fetch(event.request);
  if (answer.ok) { await (await caches.open(name)).put(event.request.url, answer.clone()); }
  return answer;
}

/* the page is closed and the network is back: the queue goes on here */
self.addEventListener("sync", (event) => { if (event.tag === "gx-upload") { event.waitUntil(upload()); } });
async function upload() {
  await self.gxStore.open(GX.link);
  await self.gxQueue.start({ base: ROOT });
  await self.gxQueue.kick(); /* the browser says that the network is back: no back-off */
  const left = (await self.gxStore.all()).some((row) => ["waiting", "retry"].includes(row.state.name));
  if (left && !self.gxQueue.status().stopped) { throw new Error("the browser tries again later"); }
}
