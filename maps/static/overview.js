"use strict";
/* State (in the address), filters, list, stages, months, rail. One block of JSON in, no request out. */
(() => {
  const data = JSON.parse(document.getElementById("gx-data").textContent), early = document.getElementById("gx-first");
  if (early) data.first = JSON.parse(early.textContent);
  const store = gxCases(data), cases = store.cases, words = data.words, links = data.links, PAGE = 50;
  const gxMap = window[data.map];
  const $ = (query) => document.querySelector(query), $$ = (query) => [...document.querySelectorAll(query)];
  const STAGES = ["FOUND", "RECTIFY", "CLOSED"], where = store.where;
  const state = { d: "", s: "", k: "", m: "", od: "", rl: "", pbf: "", q: "", sel: "", at: "", by: "", v: "map" };
  const VIEWS = ["map", "list", "progress", "yours"];
  let now = null, shown = PAGE, view = null, booted = false;

  const figure = (n) => (n <= 9999 ? String(n) : data.lang === "zh" ? (n / 1e4).toFixed(1) + " 万" : (n / 1e3).toFixed(0) + "k");
  const area = (hundredths) => (hundredths / 100).toFixed(2);
  const severalYears = new Set([...data.months, ...data.window].map((m) => m.slice(0, 4))).size > 1;
  const yearsShown = new Set(data.window.map((m) => m.slice(0, 4))).size > 1; /* then a line of years stands under the months */
  const monthName = (month) => {
    const name = data.monthNames[Number(month.slice(5)) - 1];
    return severalYears ? view.say(words.yearMonth, { year: month.slice(0, 4), month: name }) : name;
  };
  const chosen = () => store.byNumber.get(state.sel);
  const statusIndex = (key) => data.statuses.findIndex((s) => s.key === key);

  /* address */
  function readAddress() {
    const given = new URLSearchParams(links.query ? location.search : location.hash.slice(1));
    for (const key of Object.keys(state)) state[key] = given.get(key) ?? (key === "v" ? "map" : "");
    if (!VIEWS.includes(state.v)) state.v = "map";
  }
  /* after the frame: the browser takes longer over an address than over the whole list */
  let writing = false;
  function writeAddress() {
    if (writing) return;
    writing = true;
    setTimeout(() => requestAnimationFrame(() => setTimeout(() => { writing = false; addressNow(); })));
  }
  function addressNow() {
    const given = new URLSearchParams();
    for (const [key, value] of Object.entries(state)) if (value && !(key === "v" && value === "map")) given.set(key, value);
    const said = given.toString().replace(/%2C/g, ",");
    if (links.query) history.replaceState(null, "", location.pathname + (said ? "?" + said : ""));
    else history.replaceState(null, "", said ? "#" + said : location.pathname.split("/").pop() + location.search || "#");
    for (const a of $$(".gx-lang")) {
      const [address, lang] = [a.getAttribute("href").split(/[#?]/)[0], new URL(a.href).searchParams.get("lang")];
      if (links.query) a.href = `${address}?${said}${said && "&"}lang=${lang || ""}`;
      else a.href = address + (said ? "#" + said : "");
    }
  }

  /* drawing */
  function refresh(keepShown, then) {
    if (!keepShown) shown = PAGE;
    if (booted) writeAddress();
    store.ask(state, (answer) => {
      now = answer;
      stages(); filters(); list(); hint(); sheet();
      view.set(now, chosen() ?? null, state);
      months(); rail();
      $("[data-total]").innerHTML = view.say(view.escapeHtml(words.count), { n: `<b>${now.sums.count}</b>`, area: `<b>${area(now.sums.area)}</b>` });
      if (then) then();
    });
  }
  /* what is drawn anew keeps the keyboard where it was */
  function redraw(box, html, key) {
    const active = document.activeElement, was = active && box.contains(active) ? active.dataset[key] : null;
    box.innerHTML = html;
    const again = was === null || was === undefined ? null : box.querySelector(`[data-${key}="${CSS.escape(was)}"]`);
    if (again) again.focus({ preventScroll: true });
  }
  const set = (query, text) => $$(query).forEach((e) => { e.textContent = text; });
  const rate = (found, rectify, closed) => { const all = found + rectify + closed; return all ? Math.round((100 * closed) / all) : 0; };
  function stages() {
    const n = now.sums, name = (key) => data.statuses[statusIndex(key)].text + " " + n.status[statusIndex(key)];
    STAGES.forEach((stage, at) => set(`[data-count="${stage}"]`, figure(n.stages[at])));
    set('[data-note="FOUND"]', name("SUSPECTED") + " · " + name("DISPATCHED"));
    set('[data-note="RECTIFY"]', name("RECTIFYING") + " · " + name("REPORTED"));
    set('[data-note="CLOSED"]', view.say(words.watched, { n: rate(...n.stages) }));
    set('[data-count="od"]', figure(n.late));
    set('[data-note="od"]', n.longest ? view.say(words.longest, { n: n.longest }) : n.dates ? "" : words.noDates);
    set('[data-count="rl"]', figure(n.again));
    set('[data-note="rl"]', words.afterClosing);
    $$("[data-stage]").forEach((e) => e.setAttribute("aria-pressed", String(state.s === e.dataset.stage)));
    $$("[data-only]").forEach((e) => e.setAttribute("aria-pressed", String(state[e.dataset.only] === "1")));
  }
  function filters() {
    $$("[data-filter]").forEach((e) => {
      const key = e.dataset.filter;
      if (e.type === "checkbox") e.checked = state[key] === "1";
      else if (e !== document.activeElement || e.tagName === "SELECT") e.value = state[key];
      if (e.tagName !== "SELECT") return;
      const option = e.selectedOptions[0];
      $(`[data-shown="${key}"]`).textContent = option ? option.textContent.trim() : state[key];
      e.parentElement.classList.toggle("gx-set", Boolean(state[key]));
    });
    const any = ["d", "s", "k", "m", "od", "rl", "pbf", "q"].some((key) => state[key]);
    $$(".gx-filters [data-clear]").forEach((e) => e.setAttribute("aria-disabled", String(!any)));
  }
  function tag(i) {
    const status = data.statuses[cases.status[i]], left = cases.left[i], kind = { FOUND: "found", RECTIFY: "rectify", CLOSED: "closed" }[status.stage] || "";
    if (left !== null && left < 0) return `<span class="gx-tag gx-tag-overdue">${view.say(words.overdue, { n: -left })}</span>`;
    if (left !== null) return `<span class="gx-tag gx-tag-${left < 8 ? "warn" : kind}">${left ? view.say(words.left, { n: left }) : words.today}</span>`;
    return `<span class="gx-tag gx-tag-${kind}">${view.escapeHtml(status.key === "SUSPECTED" ? words.dispatch : status.text)}</span>`;
  }
  const blank = '<svg width="34" height="34" viewBox="0 0 32 32" aria-hidden="true"><path d="M16 3v26M3 16h26" stroke="currentColor" stroke-width="2"/><rect x="3" y="3" width="26" height="26" rx="4" fill="none" stroke="currentColor" stroke-width="2"/></svg>';
  const href = (i) => links.case + encodeURIComponent(cases.number[i]) + links.end;
  const picture = (i) => (cases.chip[i] === 1 ? `/overview/chips/${encodeURIComponent(cases.number[i])}.webp` : links.chips + cases.chip[i]);
  function row(i) {
    const h = view.escapeHtml;
    const image = cases.chip[i] ? `<img class="gx-row-chip" src="${h(picture(i))}" alt="" width="64" height="64" loading="lazy">` : `<span class="gx-row-chip">${blank}</span>`;
    const basic = cases.basic[i] ? view.say(words.basic, { n: `<b>${area(cases.basic[i])}</b>` }) : "";
    return `<a class="gx-row" tabindex="-1" href="${href(i)}" data-i="${i}"${cases.number[i] === state.sel ? ' aria-current="true"' : ""}>${image}<span>` +
      `<span class="gx-row-head">${view.glyph(i, 28)}<b>${h(cases.number[i])}</b>${tag(i)}</span><span class="gx-line" lang="zh-CN">${h(where(i))}</span>` +
      `<span class="gx-line gx-sizes"><span>${h(data.kinds[cases.kind[i]][1])}</span><span> · <b>${area(cases.area[i])}</b> ${h(words.mu)}${basic}</span></span></span><span class="gx-row-open">${h(words.open)}</span></a>`;
  }
  function list() {
    const { visible } = now, count = now.sums.count, at = now.at ?? -1;
    if (at >= shown && at < visible.length) shown = Math.ceil((at + 1) / PAGE) * PAGE;
    const focused = document.activeElement && document.activeElement.classList.contains("gx-row") ? document.activeElement.dataset.i : null;
    $("[data-rows]").innerHTML = visible.slice(0, shown).map((i) => `<li>${row(i)}</li>`).join("");
    const first = rowOf(chosen() ?? -1) || $("[data-rows] .gx-row");
    if (first) first.tabIndex = 0; // one stop for Tab; Up and Down move inside
    if (focused !== null) { const again = rowOf(Number(focused)); if (again) again.focus({ preventScroll: true }); }
    const more = $("[data-more]");
    more.hidden = count <= shown;
    more.textContent = view.say(words.more, { n: Math.min(PAGE, count - shown) });
    const out = $("[data-dismissed]");
    out.hidden = !now.sums.dismissed;
    out.textContent = view.say(words.dismissedCount, { n: now.sums.dismissed });
    out.setAttribute("aria-pressed", String(state.s === "DISMISSED"));
    $("[data-none]").hidden = count > 0;
    const saying = $("[data-viewing]");
    if (saying) saying.textContent = view.say(words.viewing, { what: chosenWords().join(words.comma) });
  }
  function furtherRows(then) {
    shown += PAGE;
    store.more(state, shown, () => { list(); hint(); if (then) then(); });
  }
  const chosenWords = () => [
    state.s && (data.stages[state.s] || (data.statuses.find((s) => s.key === state.s) || {}).text),
    ...["d", "k", "m", "pbf"].map((key) => state[key] && $(`[data-shown="${key}"]`).textContent),
    state.od && words.late, state.rl && words.relapsed, state.q.trim(),
  ].filter(Boolean);
  const rowOf = (i) => $(`[data-rows] [data-i="${i}"]`);
  function hint() {
    const box = $("[data-hint]"), below = now.at !== null && now.at >= now.visible.length;
    box.hidden = !state.sel || (now.at !== null && now.at >= 0 && !below);
    if (box.hidden) return;
    const text = now.at === null ? words.unknown : below ? words.below : words.hidden;
    box.querySelector("p").textContent = view.say(text, { number: state.sel });
    $("[data-far]").innerHTML = below ? row(chosen()) : "";
    $("[data-reveal]").hidden = now.at === null || below;
  }
  function sheet() {
    const box = $("[data-sheet]"), i = chosen();
    const was = box.hidden;
    box.hidden = i === undefined;
    if (!box.hidden) box.innerHTML = `<button type="button" class="gx-sheet-close" data-close aria-label="${view.escapeHtml(words.close)}"></button>${row(i)}` +
      `<div class="gx-sheet-buttons"><button type="button" class="gx-button" data-near>${view.escapeHtml(words.near)}</button>` +
      `<a class="gx-button gx-button-main" href="${href(i)}">${view.escapeHtml(words.open)}</a></div>`;
    if (was !== box.hidden) view.resized();
  }

  /* months: the last twelve up to the running one; what is older stands in one bar */
  const parts = (n, height) => STAGES.map((stage, at) =>
    n[at] ? `<i class="gx-bar-${stage.toLowerCase()}" style="height:${Math.max(3, (n[at] / height) * 46).toFixed(1)}px"></i>` : "").join("");
  function months() {
    const bars = new Map(data.window.map((key) => [key, [0, 0, 0, 0]])), older = [0, 0, 0, 0], h = view.escapeHtml;
    for (const [unit, ...n] of now.sums.months) { const bar = bars.get(data.months[unit]) || older; for (let at = 0; at < 4; at++) bar[at] += n[at]; }
    const all = [...(older[0] ? [["earlier", older]] : []), ...bars], most = Math.max(1, ...all.map(([, n]) => n[0]));
    const box = $("[data-months]");
    redraw(box, all.map(([key, [count, ...n]]) => {
      const name = key === "earlier" ? words.earlier : monthName(key);
      const bare = key === "earlier" ? name : data.monthNames[Number(key.slice(5)) - 1];
      const year = key === "earlier" || (key.slice(5) !== "01" && key !== data.window[0]) ? "\u00a0" : key.slice(0, 4);
      const running = key === data.month, full = running ? view.say(words.soFar, { month: name }) : name;
      const told = STAGES.map((s, at) => `${data.stages[s]} ${n[at]}`).join(words.comma);
      return `<button type="button" class="gx-month" data-month="${key}" aria-pressed="${state.m === key}" aria-label="${h(`${full} ${count}${words.comma}${told}`)}">` +
        `<span>${count}</span><i>${parts(n, most)}</i><small><span class="gx-full">${h(running ? view.say(words.soFar, { month: bare }) : bare)}</span><span class="gx-short">${h(bare + (running ? "*" : ""))}</span></small>${yearsShown ? `<small data-year>${year}</small>` : ""}</button>`;
    }).join(""), "month");
    if (!booted) box.scrollLeft = 1e6; // where it is narrow, the newest first; later it stays: to ask where would lay out the page
  }
  function step(by) {
    const keys = $$("[data-month]").map((e) => e.dataset.month), now = keys.indexOf(state.m);
    const next = now < 0 ? (by < 0 ? keys.length - 1 : 0) : now + by;
    if (keys[next]) choose("m", keys[next]);
  }

  function rail() {
    const n = now.sums, h = view.escapeHtml;
    if (!links.turns) turns();
    const [fresh, basic, done, restored] = n.month;
    set("[data-month-new]", fresh);
    set("[data-month-basic]", view.say(words.onBasic, { n: area(basic) }));
    set("[data-month-closed]", done);
    set("[data-month-closed-area]", view.say(words.closedArea, { n: area(restored) }));
    const by = state.by === "park" && data.parks.length ? "park" : data.by === "county" ? "county" : "township";
    const units = { park: data.parks, county: data.counties, township: data.townships }[by];
    const nowhere = ["", by === "park" ? words.noPark : words.noTownship];
    const groups = new Map(units.map((_, unit) => [unit, [0, 0, 0, 0, 0]]));
    for (const [unit, ...sum] of n.units[by]) groups.set(unit, sum);
    $$("[data-by]").forEach((e) => e.setAttribute("aria-pressed", String(e.dataset.by === (by === "park" ? "park" : ""))));
    redraw($("[data-counties]"), [...groups].sort((a, b) => b[1][0] - a[1][0]).map(([unit, [count, found, rectify, closed, late]]) => {
      const [code, name] = units[unit] || nowhere, at = [found, rectify, closed];
      const bar = STAGES.map((s, k) => (at[k] ? `<i class="gx-bar-${s.toLowerCase()}" style="flex:${at[k]}"></i>` : "")).join("");
      const told = STAGES.map((s, k) => `<small>${h(data.stages[s])} <span data-n="${s}">${at[k]}</span></small>`).join("");
      return `<button type="button" class="gx-county" data-county="${h(code)}" aria-pressed="${Boolean(code) && state.d === code}"><span><b lang="zh-CN">${h(name)}</b><b class="gx-late">${late ? view.say(words.overdueCount, { n: late }) : ""}</b><b>${view.say(words.each, { n: count })}</b></span>` +
        `<span class="gx-bar" aria-hidden="true">${bar}</span><span>${told}<small>${count ? view.say(words.rate, { n: rate(...at) }) : ""}</small></span></button>`;
    }).join(""), "county");
  }
  /* without a portal nobody is known: what the office judges, and what is with the field */
  function turns() {
    const h = view.escapeHtml, count = (key) => now.sums.status[statusIndex(key)];
    const turn = (key, text) => `<button type="button" class="gx-turn" data-turn="${key}" aria-pressed="${state.s === key}">${view.statusGlyph(key, 26)}<span>${h(text)}</span><b>${count(key)}</b></button>`;
    redraw($("[data-yours]"), turn("REPORTED", words.toAccept) + turn("SUSPECTED", words.toConfirm) +
      `<p class="gx-turns-field">${h(words.inField)}</p>` + turn("DISPATCHED", words.toCheck) + turn("RECTIFYING", words.toRectify), "turn");
    set('[data-count="yours"]', figure(count("REPORTED") + count("SUSPECTED")));
  }

  /* doing */
  function choose(key, value) {
    state[key] = state[key] === value ? "" : value;
    refresh();
  }
  function select(i, from) {
    state.sel = i === null ? "" : cases.number[i];
    refresh(true, () => {
      if (i === null) return;
      if (from === "map") reveal();
      if (from === "list") view.show(i);
    });
  }
  function go(to) {
    state.v = to;
    $(".gx-body").dataset.view = to;
    $$("[data-go]").forEach((e) => (e.dataset.go === to ? e.setAttribute("aria-current", "true") : e.removeAttribute("aria-current")));
    if (to === "map") { view.resized(); if (fitted) view.draw(); else place(); }
    if (booted) writeAddress();
  }
  let fitted = false;
  function place() {
    if (!$(".gx-map").clientWidth) return;
    fitted = true;
    const [lat, lon, zoom] = state.at.split(",").map(Number);
    if (state.at && [lat, lon, zoom].every(Number.isFinite)) return view.goto(lat, lon, zoom);
    view.fit();
    if (chosen() !== undefined) view.show(chosen());
  }
  function reveal() {
    const line = rowOf(chosen());
    if (line) line.scrollIntoView({ block: "nearest" });
  }
  function clear(then) {
    for (const key of ["d", "s", "k", "m", "od", "rl", "pbf", "q"]) state[key] = "";
    $$(".gx-search").forEach((e) => { e.value = ""; });
    refresh(false, then);
  }

  /* events, delegated where lines come and go */
  function listen() {
    document.addEventListener("click", (event) => {
      const hit = (query) => event.target.closest(query);
      let e;
      if (hit(".gx-skip")) { event.preventDefault(); if (matchMedia("(max-width: 719px)").matches) go("list"); $("#gx-list").focus(); }
      else if ((e = hit("[data-stage]"))) choose("s", e.dataset.stage);
      else if ((e = hit("[data-only]"))) choose(e.dataset.only, "1");
      else if ((e = hit("button[data-turn]"))) { choose("s", e.dataset.turn); if (state.v === "yours") go("list"); }
      else if ((e = hit("[data-county]"))) { choose("d", e.dataset.county); fitTo(); }
      else if ((e = hit("[data-month]"))) choose("m", e.dataset.month);
      else if ((e = hit("[data-step]"))) step(Number(e.dataset.step));
      else if ((e = hit("[data-go]"))) go(e.dataset.go);
      else if ((e = hit("[data-by]"))) { state.by = e.dataset.by; rail(); writeAddress(); }
      else if (hit("[data-more]")) furtherRows();
      else if (hit("[data-reveal]")) clear(reveal);
      else if (hit("[data-clear]")) { if (!hit("[aria-disabled=true]")) clear(); }
      else if (hit("[data-find]")) $(".gx-search").focus();
      else if (hit("[data-close]")) select(null);
      else if (hit("[data-near]")) view.show(chosen(), true);
      else if ((e = hit("[data-rows] .gx-row"))) {
        const i = Number(e.dataset.i), phone = matchMedia("(max-width: 719px)").matches;
        if (phone || hit(".gx-row-open") || !event.detail || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        select(i, "list");
      }
    });
    document.addEventListener("dblclick", (event) => { const e = event.target.closest("[data-rows] .gx-row"); if (e) location.href = e.href; });
    const rows = $("[data-rows]");
    const over = (event) => { const e = event.target.closest(".gx-row"); view.light(e ? Number(e.dataset.i) : null); };
    rows.addEventListener("mouseover", over);
    rows.addEventListener("focusin", (event) => {
      over(event);
      $$('[data-rows] [tabindex="0"]').forEach((e) => { e.tabIndex = -1; });
      event.target.closest(".gx-row").tabIndex = 0;
    });
    rows.addEventListener("mouseleave", () => view.light(null));
    rows.addEventListener("focusout", () => view.light(null));
    rows.addEventListener("keydown", (event) => {
      const e = event.target.closest(".gx-row");
      if (!e || event.altKey || event.ctrlKey || event.metaKey) return;
      const line = e.parentElement;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const next = event.key === "ArrowDown" ? line.nextElementSibling : line.previousElementSibling;
        event.preventDefault();
        if (next) next.firstElementChild.focus();
      } else if (event.key === "m" || event.key === "M") {
        event.preventDefault();
        if (state.v !== "map") go("map");
        select(Number(e.dataset.i), "list");
        view.show(Number(e.dataset.i), true);
      }
    });
    $("[data-months]").addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      step(by);
      const bar = $(`[data-month="${CSS.escape(state.m)}"]`);
      if (bar) bar.focus();
    });
    $$("[data-filter]").forEach((e) => e.addEventListener(e.type === "search" ? "input" : "change", () => {
      state[e.dataset.filter] = e.type === "checkbox" ? (e.checked ? "1" : "") : e.value;
      if (e.type !== "search") { refresh(); if (e.dataset.filter === "d") fitTo(); return; }
      clearTimeout(listen.later);
      listen.later = setTimeout(refresh, cases.number.length > 1000 || store.remote ? 150 : 40);
    }));
    document.addEventListener("error", (event) => { // a picture that is not there (any more)
      const e = event.target;
      if (!e.classList || !e.classList.contains("gx-row-chip")) return;
      const instead = document.createElement("span");
      instead.className = "gx-row-chip";
      instead.innerHTML = blank;
      e.replaceWith(instead);
    }, true);
    store.onFailure(() => { $("[data-failed]").hidden = false; });
    addEventListener(links.query ? "popstate" : "hashchange", () => {
      readAddress(); refresh(); go(state.v);
      if (state.at && state.v === "map") place();
      if (state.v === "list") $("#gx-list").focus();
    });
    addEventListener("resize", () => { view.resized(); if (!fitted) place(); });
  }
  function fitTo() {
    const unit = [...data.counties, ...data.townships].find((u) => u[0] === state.d);
    if (unit && unit[4]) view.fitBox(unit[4]); else view.fit();
  }

  function options() {
    const add = (key, list) => {
      const select = $(`select[data-filter="${key}"]`);
      for (const [value, text] of list) select.append(new Option(text, value));
    };
    const units = [];
    for (const [code, name] of data.counties) {
      units.push([code, name]);
      for (const [inner, called] of data.townships) if (inner.startsWith(code)) units.push([inner, "\u3000" + called]);
    }
    add("d", [["", words.all], ...units, ...data.parks]);
    add("k", [["", words.all], ...data.kinds]);
    const bars = data.window.filter((key) => data.months.includes(key) || key === data.month);
    if (data.months.some((m) => m < data.window[0])) bars.unshift("earlier");
    add("m", [["", words.all], ...bars.map((key) => [key, key === "earlier" ? words.earlier : monthName(key)])]);
    add("pbf", [["", words.any], ["1", words.onlyBasic], ["0", words.noBasic]]);
  }

  readAddress();
  view = gxMapView(gxMap, data, store, {
    press: (i) => select(i, "map"),
    hover: (i) => { $$(".gx-row.gx-lit").forEach((e) => e.classList.remove("gx-lit")); const line = i === null ? null : rowOf(i); if (line) line.classList.add("gx-lit"); },
    beyond: (n) => { const e = $("[data-in-view]"); e.hidden = !n; e.textContent = view && n ? view.say(words.inView, { n }) : ""; },
    moved: (center, zoom) => { if (booted && moving) { state.at = `${center.lat.toFixed(4)},${center.lng.toFixed(4)},${zoom.toFixed(1)}`; writeAddress(); } },
  });
  let moving = false;
  gxMap.getContainer().addEventListener("pointerdown", () => { moving = true; });
  gxMap.getContainer().addEventListener("wheel", () => { moving = true; }, { passive: true });
  gxMap.getContainer().addEventListener("keydown", () => { moving = true; });
  const began = performance.now();
  options();
  $("[data-legend-ring]").innerHTML = view.ring({ found: 1, rectify: 1, closed: 1, late: 0 }, 30, "");
  listen();
  if ($(".gx-map").clientHeight < 500 || $(".gx-map").clientWidth < 500) $(".gx-legend").open = false;
  refresh();
  go(state.v);
  booted = true;
  writeAddress();
  document.documentElement.dataset.drawn = (performance.now() - began).toFixed(0);
})();
