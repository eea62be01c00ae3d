"use strict";
/* State (in the address), filters, list, stages, months, rail. One block of JSON in, no request out. */
(() => {
  const data = JSON.parse(document.getElementById("gx-data").textContent);
  const cases = data.cases, words = data.words, total = cases.number.length, PAGE = 50;
  const $ = (query) => document.querySelector(query), $$ = (query) => [...document.querySelectorAll(query)];
  const stageOf = (i) => data.statuses[cases.status[i]].stage, statusOf = (i) => data.statuses[cases.status[i]].key;
  const state = { d: "", s: "", k: "", m: "", od: "", rl: "", pbf: "", q: "", sel: "", at: "", v: "map" };
  const byNumber = new Map(cases.number.map((number, i) => [number, i]));
  let visible = [], shown = PAGE, view = null, booted = false;

  const township = (i) => (cases.township[i] < 0 ? "" : data.townships[cases.township[i]][1]);
  const where = (i) => [data.counties[cases.county[i]][1], township(i), cases.village[i]].filter(Boolean).join(" ");
  const figure = (n) => (n <= 9999 ? String(n) : data.lang === "zh" ? (n / 1e4).toFixed(1) + " 万" : (n / 1e3).toFixed(0) + "k");
  const area = (hundredths) => (hundredths / 100).toFixed(2);
  const areaSum = (list, column) => (list.reduce((sum, i) => sum + cases[column][i], 0) / 100).toFixed(2);
  const years = () => new Set([...data.months, ...window12()].map((m) => m.slice(0, 4))).size;
  const monthName = (month) => {
    const name = data.monthNames[Number(month.slice(5)) - 1];
    return years() < 2 ? name
      : view.say(words.yearMonth, { year: month.slice(0, 4), month: name });
  };

  /* order: overdue (longest first), due soon, to dispatch, the rest, closed, dismissed */
  const rank = (i) => {
    const status = statusOf(i), left = cases.left[i];
    if (status === "DISMISSED") return 6;
    if (status === "CLOSED") return 5;
    if (left !== null) return left < 0 ? 0 : 1;
    return status === "SUSPECTED" ? 2 : 3;
  };
  const ranks = cases.number.map((_, i) => rank(i));
  const order = cases.number.map((_, i) => i).sort((a, b) => ranks[a] - ranks[b] ||
    (cases.left[a] ?? 0) - (cases.left[b] ?? 0) || cases.urgency[b] - cases.urgency[a] || (cases.number[a] < cases.number[b] ? -1 : 1));

  /* Which filters a case fails, as bits; `but(key)` leaves one filter out, so that a count tells what
     pressing it would show. Dismissed cases are in no stage and come only when asked for. */
  const BIT = { s: 1, d: 2, k: 4, m: 8, od: 16, rl: 32, pbf: 64, q: 128 };
  const fails = new Uint8Array(total);
  const haystack = cases.number.map((number, i) => (number + " " + where(i)).toLowerCase());
  function sift() {
    const q = state.q.trim().toLowerCase();
    for (let i = 0; i < total; i++) {
      let bits = 0;
      if (state.s ? state.s !== stageOf(i) && state.s !== statusOf(i) : !stageOf(i)) bits |= BIT.s;
      if (state.d && state.d !== data.counties[cases.county[i]][0] && state.d !== (data.townships[cases.township[i]] || [])[0]) bits |= BIT.d;
      if (state.k && state.k !== data.kinds[cases.kind[i]][0]) bits |= BIT.k;
      if (state.m && !inMonth(i, state.m)) bits |= BIT.m;
      if (state.od && !view.late(i)) bits |= BIT.od;
      if (state.rl && !cases.relapses[i]) bits |= BIT.rl;
      if (state.pbf && (state.pbf === "1") !== cases.basic[i] > 0) bits |= BIT.pbf;
      if (q && !haystack[i].includes(q)) bits |= BIT.q;
      fails[i] = bits;
    }
  }
  const inMonth = (i, m) => (m === "earlier" ? data.months[cases.month[i]] < window12()[0] : data.months[cases.month[i]] === m);
  const but = (key) => { const others = ~(BIT[key] || 0); return order.filter((i) => !(fails[i] & others)); };
  const stageCounts = (list) => {
    const n = { FOUND: 0, RECTIFY: 0, CLOSED: 0, late: 0, again: 0, status: {} };
    for (const i of list) {
      const stage = stageOf(i);
      if (stage) n[stage]++;
      n.status[statusOf(i)] = (n.status[statusOf(i)] || 0) + 1;
      if (view.late(i)) n.late++;
      if (cases.relapses[i]) n.again++;
    }
    n.all = n.FOUND + n.RECTIFY + n.CLOSED;
    n.rate = n.all ? Math.round((100 * n.CLOSED) / n.all) : 0;
    return n;
  };

  /* address */
  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const key of Object.keys(state)) state[key] = given.get(key) ?? (key === "v" ? "map" : "");
    if (!["map", "list", "progress", "yours"].includes(state.v)) state.v = "map";
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
    const hash = given.toString().replace(/%2C/g, ",");
    history.replaceState(null, "", hash ? "#" + hash : location.pathname.split("/").pop() + location.search || "#");
    $$(".gx-lang").forEach((a) => { a.href = a.getAttribute("href").split("#")[0] + (hash ? "#" + hash : ""); });
  }

  /* drawing */
  function refresh(keepShown) {
    sift();
    visible = but();
    if (!keepShown) shown = PAGE;
    const chosen = byNumber.get(state.sel);
    stages(); filters(); list(); months(); rail(); hint(chosen); sheet(chosen);
    view.set(visible, chosen ?? null);
    $("[data-total]").innerHTML = view.say(view.escapeHtml(words.count), { n: `<b>${visible.length}</b>`, area: `<b>${areaSum(visible, "area")}</b>` });
    if (booted) writeAddress();
  }
  const set = (query, text) => $$(query).forEach((e) => { e.textContent = text; });
  function stages() {
    const n = stageCounts(but("s").filter(stageOf)), rest = stageCounts(but("od")), again = stageCounts(but("rl"));
    const name = (key) => data.statuses.find((s) => s.key === key).text + " " + (n.status[key] || 0);
    for (const stage of ["FOUND", "RECTIFY", "CLOSED"]) set(`[data-count="${stage}"]`, figure(n[stage]));
    set('[data-note="FOUND"]', name("SUSPECTED") + " · " + name("DISPATCHED"));
    set('[data-note="RECTIFY"]', name("RECTIFYING") + " · " + name("REPORTED"));
    set('[data-note="CLOSED"]', view.say(words.watched, { n: n.rate }));
    set('[data-count="od"]', figure(rest.late));
    const longest = Math.max(0, ...but("od").filter(view.late).map((i) => -cases.left[i]));
    set('[data-note="od"]', longest ? view.say(words.longest, { n: longest }) : cases.left.every((x) => x === null) ? words.noDates : "");
    set('[data-count="rl"]', figure(again.again));
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
  const href = (i) => "case/" + encodeURIComponent(cases.number[i]) + ".html";
  function row(i) {
    const h = view.escapeHtml, chip = cases.chip[i];
    const image = chip ? `<img class="gx-row-chip" src="${h(data.site + chip)}" alt="" width="64" height="64" loading="lazy">` : `<span class="gx-row-chip">${blank}</span>`;
    const basic = cases.basic[i] ? view.say(words.basic, { n: `<b>${area(cases.basic[i])}</b>` }) : "";
    return `<a class="gx-row" tabindex="-1" href="${href(i)}" data-i="${i}"${cases.number[i] === state.sel ? ' aria-current="true"' : ""}>${image}<span>` +
      `<span class="gx-row-head">${view.glyph(i, 28)}<b>${h(cases.number[i])}</b>${tag(i)}</span><span class="gx-line" lang="zh-CN">${h(where(i))}</span>` +
      `<span class="gx-line gx-sizes"><span>${h(data.kinds[cases.kind[i]][1])}</span><span> · <b>${area(cases.area[i])}</b> ${h(words.mu)}${basic}</span></span></span><span class="gx-row-open">${h(words.open)}</span></a>`;
  }
  function list() {
    const at = byNumber.get(state.sel), place = at === undefined ? -1 : visible.indexOf(at);
    if (place >= shown) shown = Math.ceil((place + 1) / PAGE) * PAGE;
    const focused = document.activeElement && document.activeElement.classList.contains("gx-row") ? document.activeElement.dataset.i : null;
    $("[data-rows]").innerHTML = visible.slice(0, shown).map((i) => `<li>${row(i)}</li>`).join("");
    const first = rowOf(at === undefined ? -1 : at) || $("[data-rows] .gx-row");
    if (first) first.tabIndex = 0; // one stop for Tab; Up and Down move inside
    if (focused !== null) { const again = rowOf(Number(focused)); if (again) again.focus({ preventScroll: true }); }
    const more = $("[data-more]");
    more.hidden = visible.length <= shown;
    more.textContent = view.say(words.more, { n: Math.min(PAGE, visible.length - shown) });
    const out = $("[data-dismissed]"), dismissed = cases.status.filter((s) => !data.statuses[s].stage).length;
    out.hidden = !dismissed;
    out.textContent = view.say(words.dismissedCount, { n: dismissed });
    out.setAttribute("aria-pressed", String(state.s === "DISMISSED"));
    $("[data-none]").hidden = visible.length > 0;
    const saying = $("[data-viewing]");
    if (saying) saying.textContent = view.say(words.viewing, { what: chosenWords().join(words.comma) });
  }
  const chosenWords = () => [
    state.s && (data.stages[state.s] || (data.statuses.find((s) => s.key === state.s) || {}).text),
    ...["d", "k", "m", "pbf"].map((key) => state[key] && $(`[data-shown="${key}"]`).textContent),
    state.od && words.late, state.rl && words.relapsed, state.q.trim(),
  ].filter(Boolean);
  const rowOf = (i) => $(`[data-rows] [data-i="${i}"]`);
  function hint(chosen) {
    const box = $("[data-hint]"), unknown = state.sel && chosen === undefined;
    box.hidden = !state.sel || (chosen !== undefined && visible.includes(chosen));
    if (box.hidden) return;
    box.firstElementChild.textContent = view.say(unknown ? words.unknown : words.hidden, { number: state.sel });
    $("[data-reveal]").hidden = Boolean(unknown);
  }
  function sheet(chosen) {
    const box = $("[data-sheet]");
    const was = box.hidden;
    box.hidden = chosen === undefined;
    if (!box.hidden) box.innerHTML = `<button type="button" class="gx-sheet-close" data-close aria-label="${view.escapeHtml(words.close)}"></button>${row(chosen)}` +
      `<div class="gx-sheet-buttons"><button type="button" class="gx-button" data-near>${view.escapeHtml(words.near)}</button>` +
      `<a class="gx-button gx-button-main" href="${href(chosen)}">${view.escapeHtml(words.open)}</a></div>`;
    if (was !== box.hidden) view.resized();
  }

  /* months: the last twelve up to the running one; what is older stands in one bar */
  function window12() {
    const last = [data.month, data.months[data.months.length - 1]].filter(Boolean).sort().pop();
    if (!last) return [];
    const found = [];
    let [year, month] = last.split("-").map(Number);
    const first = data.months[0] || last;
    for (let n = 0; n < 12; n++) {
      const key = `${year}-${String(month).padStart(2, "0")}`;
      found.unshift(key);
      if (key <= first && n >= 5) break;
      if (--month === 0) { month = 12; year--; }
    }
    return found;
  }
  const parts = (n, height) => ["FOUND", "RECTIFY", "CLOSED"].map((stage) =>
    n[stage] ? `<i class="gx-bar-${stage.toLowerCase()}" style="height:${Math.max(3, (n[stage] / height) * 46).toFixed(1)}px"></i>` : "").join("");
  function months() {
    const listed = but("m"), keys = window12(), groups = new Map(keys.map((key) => [key, []]));
    const earlier = [];
    for (const i of listed) (groups.get(data.months[cases.month[i]]) || earlier).push(i);
    const bars = [...groups].map(([key, members]) => [key, members]);
    if (earlier.length) bars.unshift(["earlier", earlier]);
    const most = Math.max(1, ...bars.map(([, members]) => members.length));
    const box = $("[data-months]");
    box.innerHTML = bars.map(([key, members]) => {
      const n = stageCounts(members), name = key === "earlier" ? words.earlier : monthName(key);
      const bare = key === "earlier" ? name : key.endsWith("-01") && years() > 1 ? key.slice(0, 4) : data.monthNames[Number(key.slice(5)) - 1];
      const running = key === data.month, full = running ? view.say(words.soFar, { month: name }) : name;
      const told = ["FOUND", "RECTIFY", "CLOSED"].map((s) => `${data.stages[s]} ${n[s]}`).join(words.comma);
      return `<button type="button" class="gx-month" data-month="${key}" aria-pressed="${state.m === key}" aria-label="${view.escapeHtml(`${full} ${members.length}${words.comma}${told}`)}">` +
        `<span>${members.length}</span><i>${parts(n, most)}</i><small><span class="gx-full">${view.escapeHtml(running ? view.say(words.soFar, { month: bare }) : bare)}</span><span class="gx-short">${view.escapeHtml(bare + (running ? "*" : ""))}</span></small></button>`;
    }).join("");
    if (!booted) box.scrollLeft = 1e6; // where it is narrow, the newest first; later it stays: to ask where would lay out the page
  }
  function step(by) {
    const keys = $$("[data-month]").map((e) => e.dataset.month), now = keys.indexOf(state.m);
    const next = now < 0 ? (by < 0 ? keys.length - 1 : 0) : now + by;
    if (keys[next]) choose("m", keys[next]);
  }

  function rail() {
    const all = stageCounts(but("s").filter(stageOf)), h = view.escapeHtml;
    const turn = (key, text) => `<button type="button" class="gx-turn" data-turn="${key}" aria-pressed="${state.s === key}">${view.statusGlyph(key, 26)}<span>${h(text)}</span><b>${all.status[key] || 0}</b></button>`;
    $("[data-yours]").innerHTML = turn("REPORTED", words.toAccept) + turn("SUSPECTED", words.toConfirm) +
      `<p class="gx-turns-field">${h(words.inField)}</p>` + turn("DISPATCHED", words.toCheck) + turn("RECTIFYING", words.toRectify);
    set('[data-count="yours"]', figure((all.status.REPORTED || 0) + (all.status.SUSPECTED || 0)));
    if (data.month) {
      const base = but("m"), fresh = base.filter((i) => data.months[cases.month[i]] === data.month), done = base.filter((i) => cases.closed[i] === data.month);
      set("[data-month-new]", fresh.length);
      set("[data-month-basic]", view.say(words.onBasic, { n: areaSum(fresh, "basic") }));
      set("[data-month-closed]", done.length);
      set("[data-month-closed-area]", view.say(words.closedArea, { n: areaSum(done, "restored") }));
    }
    const by = data.by === "county" ? "county" : "township", units = by === "county" ? data.counties : data.townships;
    const groups = new Map(units.map((_, n) => [n, []]));
    for (const i of but("d")) groups.has(cases[by][i]) ? groups.get(cases[by][i]).push(i) : groups.set(cases[by][i], [i]);
    $("[data-counties]").innerHTML = [...groups].sort((a, b) => b[1].length - a[1].length).map(([unit, members]) => {
      const n = stageCounts(members), [code, name] = units[unit] || ["", words.noTownship];
      const bar = ["FOUND", "RECTIFY", "CLOSED"].map((s) => (n[s] ? `<i class="gx-bar-${s.toLowerCase()}" style="flex:${n[s]}"></i>` : "")).join("");
      const told = ["FOUND", "RECTIFY", "CLOSED"].map((s) => `<small>${h(data.stages[s])} <span data-n="${s}">${n[s]}</span></small>`).join("");
      return `<button type="button" class="gx-county" data-county="${h(code)}" aria-pressed="${state.d === code}"><span><b lang="zh-CN">${h(name)}</b><b class="gx-late">${n.late ? view.say(words.overdueCount, { n: n.late }) : ""}</b><b>${view.say(words.each, { n: members.length })}</b></span>` +
        `<span class="gx-bar" aria-hidden="true">${bar}</span><span>${told}<small>${n.all ? view.say(words.rate, { n: n.rate }) : ""}</small></span></button>`;
    }).join("");
  }

  /* doing */
  function choose(key, value) {
    state[key] = state[key] === value ? "" : value;
    refresh();
  }
  function select(i, from) {
    state.sel = i === null ? "" : cases.number[i];
    refresh(true);
    if (i === null) return;
    if (from === "map") reveal();
    if (from === "list") view.show(i);
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
    const chosen = byNumber.get(state.sel);
    if (chosen !== undefined) view.show(chosen);
  }
  function reveal() {
    const line = rowOf(byNumber.get(state.sel));
    if (line) line.scrollIntoView({ block: "nearest" });
  }
  function clear() {
    for (const key of ["d", "s", "k", "m", "od", "rl", "pbf", "q"]) state[key] = "";
    $$(".gx-search").forEach((e) => { e.value = ""; });
    refresh();
  }

  /* events, delegated where lines come and go */
  function listen() {
    document.addEventListener("click", (event) => {
      const hit = (query) => event.target.closest(query);
      let e;
      if (hit(".gx-skip")) { event.preventDefault(); if (matchMedia("(max-width: 719px)").matches) go("list"); $("#gx-list").focus(); }
      else if ((e = hit("[data-stage]"))) choose("s", e.dataset.stage);
      else if ((e = hit("[data-only]"))) choose(e.dataset.only, "1");
      else if ((e = hit("[data-turn]"))) { choose("s", e.dataset.turn); if (state.v === "yours") go("list"); }
      else if ((e = hit("[data-county]"))) { choose("d", e.dataset.county); fitTo(); }
      else if ((e = hit("[data-month]"))) choose("m", e.dataset.month);
      else if ((e = hit("[data-step]"))) step(Number(e.dataset.step));
      else if ((e = hit("[data-go]"))) go(e.dataset.go);
      else if (hit("[data-more]")) { shown += PAGE; list(); }
      else if (hit("[data-clear]") || hit("[data-reveal]")) { if (!hit("[aria-disabled=true]")) clear(); if (hit("[data-reveal]")) reveal(); }
      else if (hit("[data-find]")) $(".gx-search").focus();
      else if (hit("[data-close]")) select(null);
      else if (hit("[data-near]")) view.show(byNumber.get(state.sel), true);
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
      const now = $(`[data-month="${CSS.escape(state.m)}"]`);
      if (now) now.focus();
    });
    $$("[data-filter]").forEach((e) => e.addEventListener(e.type === "search" ? "input" : "change", () => {
      state[e.dataset.filter] = e.type === "checkbox" ? (e.checked ? "1" : "") : e.value;
      if (e.type !== "search") { refresh(); if (e.dataset.filter === "d") fitTo(); return; }
      clearTimeout(listen.later);
      listen.later = setTimeout(refresh, total > 1000 ? 150 : 40);
    }));
    addEventListener("hashchange", () => {
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
    add("d", [["", words.all], ...units]);
    add("k", [["", words.all], ...data.kinds]);
    const keys = window12(), bars = keys.filter((key) => data.months.includes(key) || key === data.month);
    if (data.months.some((m) => m < keys[0])) bars.unshift("earlier");
    add("m", [["", words.all], ...bars.map((key) => [key, key === "earlier" ? words.earlier : monthName(key)])]);
    add("pbf", [["", words.any], ["1", words.onlyBasic], ["0", words.noBasic]]);
  }

  readAddress();
  view = gxMapView(gxMap, data, {
    where,
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
