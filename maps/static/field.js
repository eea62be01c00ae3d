/* The page of a field link: which mode, which case, which of the four steps; the strip and the header. */
(function () {
  "use strict";
  const gx = window.gxField, $ = gx.$;
  const STEPS = ["find", "photo", "verdict", "upload"], DAY = 864e5;
  Object.assign(gx, { data: null, case: null, part: null, step: "find", records: [], locked: "", online: navigator.onLine !== false, savedAt: null, trouble: "" });
  gx.mode = location.protocol === "file:" ? "file" : window.isSecureContext ? "full" : "basic";
  const linkId = () => { const block = document.getElementById("gx-field-data"); if (block) { return JSON.parse(block.textContent).link.id; } return (/\/l\/([^/]+)\//.exec(location.pathname) || [])[1] || "link"; };
  let gap = 0, basicRead = false, refusedRead = false, drawing = false;

  /* --- clocks: the phone's, and the server's as last seen (gxStore keeps them) --------------------------------- */
  async function sawServer(answer) {
    const live = !answer.headers.get("X-Gx-From-Cache");
    if (live) { gap = Date.now() - Date.parse(answer.headers.get("X-Gx-Now") || gx.data.link.server_now); gxStore.saveDraft("clock", { gap }).catch(() => {}); }
    /* a 304 brings the kept body again: only the header is of now */
    const now = (live && answer.headers.get("X-Gx-Now")) || gx.data.link.server_now;
    await gxStore.seen(Object.assign({}, gx.data.link, { server_now: now }), live).catch(() => {});
  }
  gx.clock = () => gxStore.clock();
  /* how far the phone's clock was from the server's when they last met, in ms */
  gx.clockGap = () => gap;
  const leftMs = () => (gx.data ? Date.parse(gx.data.link.expires_at) - gxStore.now() : Infinity);

  /* --- opening --------------------------------------------------------------------------------------------------- */
  async function boot() {
    wire();
    try { await gxStore.open(linkId()); await gx.reload(); }
    catch (_) { gx.trouble = gx.t("error.store"); }
    const kept = await draft("clock");
    if (kept) { gap = kept.gap || 0; }
    await load();
    const again = soon(async () => { await gx.reload(); gx.emit("records"); });
    gxStore.addEventListener("change", (event) => {
      if (event.detail.what === "lock") { ended(); } else if (event.detail.what !== "draft") { again(); }
      if (event.detail.what === "space") { gx.camera.space(); }
    });
    if (gx.data && !gx.locked) { begin(); }
    gx.emit("strip");
    if (gx.mode !== "file") {
      gxQueue.addEventListener("locked", ended);
      gxQueue.addEventListener("change", strip);
      gxQueue.start({ base: new URL(".", location.href).href, cases: gx.data ? gx.data.cases.map((one) => one.number) : [] });
    }
    if (gx.mode === "full" && "serviceWorker" in navigator && !gx.locked) { navigator.serviceWorker.register("sw.js").catch(() => {}); }
    gx.camera.space();
    setInterval(tick, 20000);
    if (/MicroMessenger/i.test(navigator.userAgent) && !gx.locked && $("wechat").showModal) { $("wechat").showModal(); }
  }
  const draft = (key) => gxStore.draft(key).catch(() => null);
  const soon = (run) => { let waiting = false; return () => { if (!waiting) { waiting = true; setTimeout(() => { waiting = false; run(); }, 60); } }; };
  gx.reload = async () => { gx.records = await gxStore.all(); };

  async function load() {
    const block = document.getElementById("gx-field-data");
    if (block) {
      gx.data = JSON.parse(block.textContent);
      await gxStore.seen(gx.data.link, false).catch(() => {});
    } else {
      try {
        const answer = await fetch("data.json", { cache: "no-cache", credentials: "same-origin", headers: { Accept: "application/json" } });
        if (answer.ok) {
          gx.data = await answer.json();
          await gxStore.saveDraft("data", gx.data).catch(() => {});
          await sawServer(answer);
        } else {
          gx.data = await draft("data");
          if (answer.status === 410 || answer.status === 403) { await gxStore.setLock(answer.status).catch(() => {}); lock(answer.status === 410 ? "expired" : "revoked"); return; }
          gx.trouble = gx.t("error.server", { code: answer.status });
        }
      } catch (_) { gx.online = false; gx.data = await draft("data"); }
    }
    if (!gx.data) { gx.write($("opening-text"), gx.trouble || gx.t("error.no_data")); return; }
    gx.data.cases.forEach((one) => one.parts.forEach((part) => { part.centre = part.centre || gx.geo.middle(part.geometry); part.corners = part.corners || []; }));
    gx.place.declination = gx.data.declination_deg || 0;
    ended();
  }
  /* the link's end, however it was learnt: by an answer, by another tab, by the clock; and its coming back */
  function ended() {
    const stop = gxStore.lock();
    if (stop) { lock(stop.code === 403 ? "revoked" : "expired"); } else if (leftMs() <= 0) { lock("expired"); } else if (gx.locked && gx.mode !== "file") { location.reload(); }
  }
  async function begin() {
    const at = (await draft("at")) || {};
    gx.show($("opening"), false);
    gx.place.start();
    gx.place.startCompass();
    if (gx.data.cases.length > 1 && !at.case) { list(); return; }
    choose(at.case, at.part, STEPS.includes(at.step) ? at.step : "find");
  }
  function lock(why) {
    if (gx.locked) { return; }
    gx.locked = why;
    if (gx.camera.isOpen()) { gx.camera.close(); }
    document.body.dataset.step = "gone";
    ["opening", "list", ...STEPS].forEach((id) => gx.show($(id), false));
    ["head", "tabs", "parts"].forEach((id) => gx.show($(id), false));
    gx.show($("gone"), true);
    gx.upload.gone();
    gx.emit("strip"); gx.emit("foot");
  }
  const tick = () => { if (!gx.locked) { ended(); } gx.emit("strip"); life(); };

  /* --- which case, which step -------------------------------------------------------------------------------------- */
  function list() {
    gx.case = gx.part = null;
    document.body.dataset.step = "list";
    STEPS.forEach((id) => gx.show($(id), false));
    ["head", "tabs", "parts"].forEach((id) => gx.show($(id), false));
    $("cases").replaceChildren(...gx.data.cases.map((one) => {
      const mine = gx.records.filter((r) => r.case === one.number), photos = mine.filter((r) => r.kind === "photo").length;
      const did = mine.some((r) => r.kind !== "photo") ? gx.t("list.verdict") : photos ? gx.t("list.photos", { n: photos }) : gx.t("list.none");
      return gx.el("li", {}, gx.el("button", { type: "button", onclick: () => choose(one.number, null, "find") }, gx.el("b", {}, one.number), gx.el("span", {}, [gx.either(one.place), gx.either(one.title)].join(" · ")), one.task ? gx.el("span", {}, gx.either(one.task)) : null, gx.el("small", {}, [gx.t("mu", { mu: one.mu.toFixed(2) }), due(one), did].filter(Boolean).join(" · "))));
    }));
    gx.show($("list"), true);
    gx.emit("strip"); gx.emit("foot");
  }
  const due = (one) => (!one.due ? "" : one.due.days_left > 0 ? gx.t("due.left", { n: one.due.days_left }) : one.due.days_left === 0 ? gx.t("due.today") : gx.t("due.over", { n: -one.due.days_left }));
  async function choose(number, partId, step) {
    gx.case = gx.data.cases.find((one) => one.number === number) || gx.data.cases[0];
    const open = gx.case.parts.find((p) => p.id === partId) || gx.case.parts[0];
    gx.part = open;
    gx.show($("list"), false);
    ["head", "tabs"].forEach((id) => gx.show($(id), true));
    gx.show($("back"), gx.data.cases.length > 1);
    gx.write($("number"), gx.case.number);
    $("place").replaceChildren(gx.el("span", {}, [gx.either(gx.case.place), gx.either(gx.case.title)].join(" · ")), " ", gx.el("b", {}, gx.t("mu", { mu: (gx.case.parts.length > 1 ? open.mu : gx.case.mu).toFixed(2) })));
    gx.show($("parts"), gx.case.parts.length > 1);
    $("parts").replaceChildren(...(gx.case.parts.length > 1 ? gx.case.parts.map((p) => gx.el("button", { type: "button", "aria-pressed": String(p === open), onclick: () => choose(gx.case.number, p.id, gx.step) }, gx.t("part", { id: p.id }))) : []));
    gx.show($("task"), gx.case.task);
    gx.write($("task"), gx.either(gx.case.task));
    life();
    const hand = await draft("hand/" + gx.case.number);
    if (hand && !gx.place.hand && gx.mode === "basic") { gx.place.setHand(hand); }
    gx.verdict.again = false;
    gx.go(step || "find", true);
    await gx.verdict.load();
    gx.emit("records");
  }
  gx.go = (step, quiet) => {
    const before = gx.step;
    gx.step = step;
    document.body.dataset.step = step;
    STEPS.forEach((id) => {
      gx.show($(id), id === step);
      const tab = $("tab-" + id);
      tab.setAttribute("aria-selected", String(id === step));
      tab.tabIndex = id === step ? 0 : -1;
    });
    gxStore.saveDraft("at", { case: gx.case.number, part: gx.part.id, step }).catch(() => {});
    if (!quiet && before !== step) { history.pushState({ gxf: step }, ""); } else if (quiet) { history.replaceState({ gxf: step }, ""); }
    if (step === "find") { gx.map.draw(gx.case, gx.part); find(); }
    if (step === "photo") { gx.camera.render(); }
    if (step === "verdict") { gx.verdict.render(); }
    if (step === "upload") { gx.upload.render(); }
    if (!quiet) { window.scrollTo(0, 0); $(step).scrollTop = 0; }
    tabs(); gx.emit("foot"); gx.emit("strip");
  };

  /* --- strip and header: what the network does, what is saved, how long the link lives ---------------------------- */
  function strip() {
    const c = gx.upload.counts(), left = leftMs(), saved = gx.savedAt || lastTaken();
    const right = saved ? gx.t("strip.saved", { time: gx.time(saved) }) : gx.t("strip.nothing");
    let now;
    if (gx.locked) { now = ["crimson", "clock", gx.t("strip.gone"), gx.locked === "expired" ? "410" : "403"]; }
    else if (gx.trouble) { now = ["amber", "warn", gx.trouble, right]; }
    else if (gx.camera.isLow()) { now = ["amber", "warn", gx.t("strip.low", { mb: gx.camera.free_mb }), right]; }
    else if (left < DAY) { now = ["amber", "clock", left < 36e5 ? gx.t("strip.expires_soon", { minutes: Math.max(1, Math.floor(left / 6e4)) }) : gx.t("strip.expires", { hours: Math.floor(left / 36e5) }), right]; }
    else if (fades()) { now = ["amber", "warn", gx.t("strip.safari"), right]; }
    else if (gx.mode === "file") { now = ["ink", "paper", gx.t("strip.file"), right]; }
    else if (!gx.online) { now = ["ink", "offline", gx.t("strip.offline"), right]; }
    else if (c.moving) { now = ["green", "up", gx.t("strip.uploading"), gx.t("strip.progress", { done: c.sent, all: c.all })]; }
    else if (gx.mode === "basic") { now = ["ink", "warn", gx.t("strip.basic"), saved ? right : gx.t("strip.basic_right")]; }
    else { now = ["green", "up", gx.t("strip.online"), right]; }
    $("strip").dataset.tone = now[0];
    $("strip-icon").setAttribute("href", "#i-" + now[1]);
    gx.write($("strip-text"), now[2]);
    gx.write($("strip-right"), now[3]);
    const theme = document.querySelector("meta[name=theme-color]");
    theme.content = { ink: "#14201a", green: "#0b5a3e", amber: "#fff3cd", crimson: "#a1123f" }[now[0]];
  }
  /* Safari is said to delete what pages keep after 7 days without a visit */
  const fades = () => /^((?!Chrome|Chromium|CriOS|Android).)*Safari/.test(navigator.userAgent) && gx.data && gx.data.link.made_at && gxStore.now() - Date.parse(gx.data.link.made_at) > 5 * DAY && gx.upload.unsent().length > 0;
  const lastTaken = () => gx.records.reduce((at, r) => (r.taken_at > at ? r.taken_at : at), "") || null;
  function life() {
    if (!gx.data) { return; }
    const left = leftMs();
    gx.write($("life"), left >= DAY ? gx.t("left.days", { n: Math.floor(left / DAY) }) : left >= 36e5 ? gx.t("left.hours", { n: Math.floor(left / 36e5) }) : gx.t("left.minutes", { n: Math.max(0, Math.floor(left / 6e4)) }));
    $("life").parentNode.classList.toggle("is-short", left < DAY);
  }
  function tabs() {
    if (!gx.part) { return; }
    const to = gx.place.toPart(gx.part), [held, wanted] = gx.camera.count(), given = gx.verdict.given(), waits = gx.upload.waiting().length;
    const small = (id, text) => gx.write($("tab-" + id).querySelector("small"), text);
    small("find", !to ? gx.t("tab.no_fix") : to.inside || to.near ? gx.t("tab.arrived") : gx.place.hand ? gx.t("tab.manual") : gx.metres(to.distance) + " " + gx.metresUnit(to.distance));
    small("photo", gx.t("strip.progress", { done: held, all: wanted }));
    small("verdict", given ? gx.t("tab.given") : gx.verdict.draft && gx.verdict.draft.verdict && !gx.verdict.missing().length ? gx.t("tab.filled") : gx.t("tab.undone"));
    small("upload", !gx.records.length ? gx.t("tab.nothing") : waits ? gx.t("tab.waiting", { n: waits }) : gx.t("tab.sent"));
  }

  /* --- step 1 --------------------------------------------------------------------------------------------------------- */
  const blocked = () => gx.place.status === "refused" && !refusedRead && !gx.place.hand;
  const plain = () => gx.mode === "basic" && !basicRead && !gx.place.hand;
  const noFix = () => !gx.place.fix && !gx.place.hand && !blocked() && !plain() && (gx.place.status === "none" || gx.place.status === "basic" || gx.place.status === "refused");
  function find() {
    if (gx.step !== "find" || !gx.part || gx.locked) { return; }
    const status = gx.place.status, advice = blocked() || plain();
    const ios = /iPhone|iPad|iPod/.test(navigator.userAgent);
    gx.show($("refused"), blocked());
    gx.show($("how-ios"), ios); gx.show($("how-android"), !ios);
    gx.show($("basic"), plain());
    const hidden = $("finding").hidden;
    gx.show($("finding"), !advice);
    $("find").classList.toggle("gxf-scroll", advice);
    document.body.classList.toggle("is-advice", advice);
    if (advice) { gx.emit("foot"); return; }
    if (hidden) { gx.map.draw(gx.case, gx.part); }
    gx.map.placing(noFix());
    gx.show($("nofix"), noFix());
    if (noFix()) {
      const none = status === "none";
      gx.write($("nofix").querySelector("h2"), gx.t(none ? "find.none_title" : "find.manual_title"));
      gx.write($("nofix").querySelector("p"), gx.t(none ? "find.none" : "find.manual"));
    }
    gx.show($("find-note"), noFix() && status === "none");
    gx.write($("find-note"), gx.t("find.none_note"));
    needle();
    gx.show($("needle"), !noFix());
    gx.show($("go"), !noFix());
    gx.show($("compass"), gx.place.compass === "ask" && !noFix());
    gx.show($("turn"), !!gx.place.hand && (!gx.place.heading() || gx.place.heading().source === "manual"));
    gx.map.here();
  }
  function needle() {
    const to = gx.place.toPart(gx.part), heading = gx.place.heading(), here = gx.place.here();
    const arrived = to && (to.inside || to.near);
    $("arrow").toggleAttribute("hidden", !to || !!arrived);
    $("arrived").toggleAttribute("hidden", !arrived);
    $("dial-n").toggleAttribute("hidden", !!heading || !to || !!arrived);
    $("dial").classList.toggle("is-dial", !heading);
    if (!to) {
      gx.write($("distance"), "–"); gx.write($("unit"), ""); gx.write($("bearing"), gx.t("find.waiting")); gx.write($("fix"), "");
      gx.show($("uncertain"), false);
      return;
    }
    const turn = heading ? gx.geo.apart(heading.deg, to.bearing) : to.bearing;
    $("arrow").setAttribute("transform", "rotate(" + turn.toFixed(1) + " 38 38)");
    gx.write($("distance"), arrived ? "0" : gx.metres(to.distance));
    gx.write($("unit"), arrived ? gx.t("metres") : gx.metresUnit(to.distance));
    const off = Math.round(Math.abs(turn)), side = off <= 5 ? gx.t("find.ahead") : off > 150 ? gx.t("find.behind") : gx.t(turn > 0 ? "find.right" : "find.left", { deg: off });
    gx.write($("bearing"), arrived ? gx.t(to.inside ? "find.inside" : "find.near") : gx.t("find.bearing", { point: gx.geo.point(to.bearing), deg: Math.round(to.bearing) % 360 }) + (heading ? gx.t("join") + side : ""));
    const fix = here.source === "manual" ? gx.t("find.by_hand") : gx.place.isOld(here) ? gx.t("find.fix_old", { s: here.age_s, m: Math.round(here.accuracy_m) }) : gx.t("find.fix", { m: Math.round(here.accuracy_m) });
    gx.write($("fix"), fix + " · " + (heading ? gx.t("find.heading", { deg: Math.round(heading.deg) % 360 }) : gx.t("find.no_heading")));
    $("dial").setAttribute("aria-label", gx.t("find.dial") + gx.t("colon") + $("bearing").textContent);
    const doubt = heading && heading.accuracy !== null && heading.accuracy >= 25;
    gx.show($("uncertain"), doubt);
    if (doubt) { gx.write($("uncertain"), gx.t("find.uncertain", { deg: Math.round(heading.accuracy) })); }
    const range = $("turn-range");
    if (heading && heading.source === "manual" && document.activeElement !== range) { range.value = heading.deg; }
    gx.write($("turn-said"), heading ? gx.geo.point(heading.deg) + " " + Math.round(heading.deg) % 360 + "°" : "");
    const gcj = gx.data.navigation && gx.part.gcj;
    gx.show($("amap"), gcj); gx.show($("tencent"), gcj); gx.show($("go-note"), gcj);
    if (gcj) {
      $("amap").href = "https://uri.amap.com/navigation?to=" + gcj[0] + "," + gcj[1] + "&mode=car&coordinate=gaode";
      $("tencent").href = "https://apis.map.qq.com/uri/v1/routeplan?type=drive&tocoord=" + gcj[1] + "," + gcj[0];
    }
  }
  async function copy() {
    const text = gx.part.centre[0].toFixed(6) + ", " + gx.part.centre[1].toFixed(6);
    let done = false;
    try { await navigator.clipboard.writeText(text); done = true; } catch (_) { done = false; }
    const said = gx.t(done ? "find.copied" : "find.copy_this", { text });
    gx.show($("find-note"), true);
    gx.write($("find-note"), said);
    gx.say(said);
  }

  /* --- the buttons at the foot -------------------------------------------------------------------------------------------- */
  function foot() {
    const primary = $("primary"), second = $("second");
    let one = null, two = null, ready = true;
    if (gx.locked) { one = [gx.t("gone.paste"), gx.upload.paste]; two = gx.records.length ? [gx.t(gx.upload.busy ? "export.busy" : "export.button"), gx.upload.export] : null; }
    else if (!gx.part) { gx.show($("foot"), false); return; }
    else if (gx.step === "find" && blocked()) { one = [gx.t("find.again"), () => gx.place.start()]; two = [gx.t("find.without"), () => { refusedRead = true; find(); foot(); }]; }
    else if (gx.step === "find" && plain()) { one = [gx.t("basic.save"), () => location.assign("offline.html")]; two = [gx.t("basic.continue"), () => { basicRead = true; find(); foot(); }]; }
    else if (gx.step === "find" && noFix()) { one = [gx.t("find.use_point"), useMark]; two = gx.place.status === "none" ? [gx.t("find.wait"), () => gx.place.wait()] : [gx.t("find.next"), () => gx.go("photo")]; }
    else if (gx.step === "find") { const to = gx.place.toPart(gx.part); one = [gx.t(to && to.distance < 60 ? "find.here" : "find.next"), () => gx.go("photo")]; if (gx.place.hand) { two = [gx.t("find.move"), () => { gx.place.setHand(null); if (!gx.place.fix) { basicRead = refusedRead = true; } }]; } }
    else if (gx.step === "photo") { one = [gx.t("photo.take"), gx.camera.open, "camera"]; }
    else if (gx.step === "verdict") { const button = gx.verdict.button(); one = [button.text, gx.verdict.press]; ready = button.ready; }
    else { one = gx.mode === "file" ? [gx.t(gx.upload.busy ? "export.busy" : "export.button"), gx.upload.export] : [gx.t("retry.now"), gx.upload.retry]; ready = gx.mode === "file" ? gx.records.length > 0 : gx.upload.waiting().length > 0; two = gx.mode === "file" || !gx.records.length ? null : [gx.t(gx.upload.busy ? "export.busy" : "export.button"), gx.upload.export]; }
    gx.show($("foot"), true);
    label(primary, one);
    primary.setAttribute("aria-disabled", String(!ready));
    gx.show(second, two);
    if (two) { label(second, two); }
  }
  function label(button, [text, press, icon]) {
    if (button.dataset.text !== text + (icon || "")) { button.dataset.text = text + (icon || ""); button.replaceChildren(...[icon ? gx.icon(icon, 24) : null, text].filter(Boolean)); }
    button.onclick = press;
  }
  function useMark() {
    const at = gx.map.marked();
    if (!at) { return; }
    gx.place.setHand(at);
    if (!gx.place.heading()) { gx.place.setHandHeading(gx.geo.bearing(at, gx.part.centre)); }
    gxStore.saveDraft("hand/" + gx.case.number, at).catch(() => {});
    gx.map.placing(false);
    gx.say(gx.t("find.set", { distance: gx.metres(gx.geo.away(at, gx.part.geometry)) + " " + gx.metresUnit(gx.geo.away(at, gx.part.geometry)) }));
    find(); foot();
  }

  /* --- wires ------------------------------------------------------------------------------------------------------------------ */
  function wire() {
    gx.camera.wire();
    STEPS.forEach((id, n) => {
      $("tab-" + id).addEventListener("click", () => gx.go(id));
      $("tab-" + id).addEventListener("keydown", (event) => {
        const to = { ArrowRight: n + 1, ArrowLeft: n + STEPS.length - 1, Home: 0, End: STEPS.length - 1 }[event.key];
        if (to !== undefined) { event.preventDefault(); const next = STEPS[to % STEPS.length]; gx.go(next); $("tab-" + next).focus(); }
      });
    });
    $("back").addEventListener("click", list);
    $("to-me").addEventListener("click", () => { if (!gx.map.toMe()) { gx.say(gx.t("find.none_title")); } });
    $("to-patch").addEventListener("click", () => gx.map.home());
    $("layers").addEventListener("click", () => { const open = $("layerbox").hidden; gx.show($("layerbox"), open); $("layers").setAttribute("aria-expanded", String(open)); });
    $("compass").addEventListener("click", () => gx.place.askCompass());
    $("turn-range").addEventListener("input", (event) => gx.place.setHandHeading(Number(event.target.value)));
    $("copy").addEventListener("click", copy);
    $("wechat-stay").addEventListener("click", () => $("wechat").close());
    addEventListener("popstate", (event) => {
      if (gx.camera.isOpen()) { gx.camera.close(true); return; }
      if (gx.part && event.state && STEPS.includes(event.state.gxf)) { gx.go(event.state.gxf, true); }
    });
    addEventListener("online", () => { gx.online = true; strip(); });
    addEventListener("offline", () => { gx.online = false; strip(); });
    document.addEventListener("visibilitychange", tick);
    gx.on("strip", strip);
    gx.on("foot", () => { foot(); tabs(); });
    gx.on("records", () => {
      if (gx.locked) { gx.upload.gone(); }
      else if (gx.part) {
        if (gx.step === "photo") { gx.camera.render(); }
        if (gx.step === "verdict") { if (gx.verdict.given() && !gx.verdict.again) { gx.verdict.render(); } else { gx.verdict.refresh(); } }
        if (gx.step === "upload") { gx.upload.render(); }
      } else if (gx.data && !$("list").hidden) { list(); return; }
      tabs(); foot(); strip();
    });
    /* readings come fifty times a second: drawn at most once a frame */
    gx.on("place", () => {
      if (drawing) { return; }
      drawing = true;
      requestAnimationFrame(() => {
        drawing = false;
        if (!gx.part || gx.locked) { return; }
        if (gx.step === "find") { find(); foot(); }
        if (gx.step === "photo" || gx.camera.isOpen()) { gx.camera.refresh(); }
        tabs();
      });
    });
  }
  boot();
})();
