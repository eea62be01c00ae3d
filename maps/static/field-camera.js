/* Photos: which are wanted, where to stand, the camera inside the page, and the system camera as fall-back.
   Position, heading and time are read in the tick of the frame; the bytes are hashed at once and never encoded again. */
(function () {
  "use strict";
  const gx = window.gxField;
  const HALF_VIEW = 35, REACH_M = 200, CLOSE_M = 50, CORNER_M = 20, CLOCK_MIN = 5;
  const camera = (gx.camera = { free_mb: null, low: false });
  let chosen = null, stream = null, busy = false, viewed = null;
  const thumbs = new Map();

  /* what the office held of this part when the page was loaded: from another phone, or before this link */
  gx.heldThere = () => gx.part.held || gx.case.held || {};

  /* --- what is wanted ---------------------------------------------------------------------------------- */
  camera.taken = () => gx.records.filter((r) => r.kind === "photo" && r.case === gx.case.number && r.part === gx.part.id).sort((a, b) => (a.taken_at < b.taken_at ? -1 : 1));
  /* {shot: number} of all photos that are here: what a verdict's proof counts */
  camera.held = () => camera.taken().reduce((n, r) => { n[r.shot] = (n[r.shot] || 0) + 1; return n; }, {});
  /* how many of a shot no verdict is taken without: of the one chosen; before, of every one that may be chosen */
  camera.needed = (shot) => {
    const rule = gx.verdict.rule();
    return rule ? (rule.photos || {})[shot] || 0 : Math.min(...gx.case.verdicts.map((one) => (one.photos || {})[shot] || 0));
  };
  /* how many count for the verdict: of this phone and of the office */
  camera.counted = (shot) => (camera.held()[shot] || 0) + ((gx.heldThere().shots || {})[shot] || 0);
  /* [{shot, wanted, held, needed}]: what is asked for, and what of it a verdict needs; here a photo to be taken again is not held */
  camera.goals = () => {
    const asked = gx.case.asked || {}, good = camera.taken().filter((r) => r.mark !== "retake");
    return ["overview", "close", "corner", "inside", "after", "other"].map((shot) => {
      const own = shot === "corner" ? Math.min(asked.corner || 0, gx.part.corners.length) : asked[shot] || 0;
      const of = good.filter((r) => r.shot === shot), needed = camera.needed(shot);
      return { shot, wanted: Math.max(own, needed), needed, held: shot === "corner" ? new Set(of.map((r) => r.corner_n)).size : of.length };
    }).filter((goal) => goal.wanted);
  };
  /* the kind that is wanted next, as the verdict says it */
  camera.ask = (shot) => { chosen = { shot }; };
  /* whether it shows the ground, as far as the phone can tell: read by the phone at the shutter, inside or facing it */
  camera.inPlace = (r) => {
    if (r.position_source !== "phone" || r.lon === null) { return false; }
    const at = [r.lon, r.lat], away = gx.geo.away(at, gx.part.geometry);
    if (away <= Math.min(r.accuracy_m || 0, CLOSE_M)) { return true; }
    return r.heading_deg !== null && away <= REACH_M && gx.geo.misses(at, r.heading_deg, gx.part.geometry) <= HALF_VIEW;
  };
  camera.count = () => camera.goals().reduce((sum, g) => [sum[0] + Math.min(g.held, g.wanted), sum[1] + g.wanted], [0, 0]);

  const undone = () => {
    const had = new Set(camera.taken().filter((r) => r.shot === "corner" && r.mark !== "retake").map((r) => r.corner_n));
    return gx.part.corners.map((c, n) => ({ n: n + 1, at: [c[0], c[1]], name: c[2] })).filter((c) => !had.has(c.n));
  };
  /* the next shot: as chosen, else the first that is missing; of corners the nearest */
  camera.next = () => {
    const goals = camera.goals(), open = goals.filter((g) => g.held < g.wanted);
    let shot = chosen && chosen.shot;
    if (!shot) { const first = open.find((g) => g.shot !== "inside" || g.needed) || open[0]; shot = first ? first.shot : "other"; }
    const next = { shot, n: camera.taken().filter((r) => r.shot === shot).length + 1, all: !open.length && !chosen };
    if (shot === "corner") {
      let left = undone();
      if (!left.length || (chosen && chosen.corner)) {
        left = gx.part.corners.map((c, n) => ({ n: n + 1, at: [c[0], c[1]], name: c[2] }));
        if (chosen && chosen.corner) { left = left.filter((c) => c.n === chosen.corner); }
      }
      const here = gx.place.here();
      if (here) { left.sort((a, b) => gx.geo.distance([here.lon, here.lat], a.at) - gx.geo.distance([here.lon, here.lat], b.at)); }
      next.corner = left[0];
      next.face = gx.geo.bearing(left[0].at, gx.part.centre);
    }
    return next;
  };
  const said = (next) => {
    if (next.all) { return gx.t("photo.done"); }
    if (next.corner) { return gx.t("photo.next", { what: gx.t("photo.corner", { n: "①②③④⑤⑥⑦⑧"[next.corner.n - 1], corner: cornerName(next.corner.name), point: gx.geo.point(next.face) }) }); }
    return gx.t("photo.next", { what: gx.t("photo." + next.shot, { n: next.n }) });
  };
  const cornerName = (name) => gx.words.corners[name] || name;
  camera.title = (r) => (r.shot === "corner" ? cornerName(r.corner) : gx.t("shot.n", { shot: gx.t("shot." + r.shot), n: r.n }));

  /* --- does it hold -------------------------------------------------------------------------------------- */
  /* [{key, text, ok}] of what a photo taken now would say: ok null where it cannot be told */
  function ticks(next) {
    const s = gx.place.sample(false), at = s.lon === null ? null : [s.lon, s.lat], made = [];
    const want = at && next.corner ? next.face : at ? gx.geo.bearing(at, gx.part.centre) : null;
    if (s.heading_deg === null) { made.push({ text: gx.t("tick.heading_none"), ok: null }); }
    else {
      const off = misses(s, next.shot), deg = Math.round(s.heading_deg) % 360;
      const ok = off === null ? null : off <= HALF_VIEW;
      made.push({ text: gx.t(s.heading_source === "manual" ? "tick.heading_hand" : ok === false ? "tick.heading_off" : "tick.heading", { deg, want: Math.round(want) % 360 }), ok });
    }
    made.push(at === null ? { text: gx.t("tick.fix_none"), ok: false } : s.position_source === "manual" ? { text: gx.t("tick.fix_hand"), ok: null }
      : { text: gx.t("tick.fix", { m: Math.round(s.accuracy_m) }), ok: s.accuracy_m <= 20 });
    if (at === null) { made.push({ text: gx.t("tick.place_none"), ok: null }); }
    else if (next.corner) { const m = gx.geo.distance(at, next.corner.at); made.push({ text: gx.t("tick.corner", { m: Math.round(m) }), ok: m <= cornerReach(s) }); }
    else { const m = gx.geo.away(at, gx.part.geometry); made.push({ text: m ? gx.t("tick.edge", { m: Math.round(m) }) : gx.t("tick.inside"), ok: m <= reach(next.shot, s) }); }
    const gap = Math.round(Math.abs(gx.clockGap()) / 60000);
    made.push(gap > CLOCK_MIN ? { text: gx.t("tick.time_off", { min: gap }), ok: false } : { text: gx.t("tick.time"), ok: true });
    return made;
  }
  const cornerReach = (s) => Math.max(CORNER_M, 2 * (s.accuracy_m || 0));
  const reach = (shot, s) => (shot === "inside" ? 0 : shot === "close" ? CLOSE_M : REACH_M) + (s.accuracy_m || 0);
  /* degrees that the view misses the patch by; null where it cannot be told or does not matter */
  function misses(s, shot) {
    if (s.lon === null || s.heading_deg === null) { return null; }
    const at = [s.lon, s.lat];
    if (shot !== "corner" && gx.geo.inside(at, gx.part.geometry)) { return 0; }
    return shot === "corner" ? Math.abs(gx.geo.apart(s.heading_deg, gx.geo.bearing(at, gx.part.centre))) : gx.geo.misses(at, s.heading_deg, gx.part.geometry);
  }
  /* ok | retake | manual | return | none, and why; nothing is refused */
  function judge(s, next) {
    if (s.position_source === "none") { return { mark: "none", why: gx.t("why.none") }; }
    if (s.position_source === "manual") { return { mark: "manual", why: gx.t("why.manual") }; }
    if (s.position_source === "return") { return { mark: "return", why: gx.t("why.return") }; }
    const at = [s.lon, s.lat];
    if (next.corner) {
      const m = gx.geo.distance(at, next.corner.at);
      if (m > cornerReach(s)) { return { mark: "retake", why: gx.t("why.corner", { m: Math.round(m) }) }; }
    }
    const m = gx.geo.away(at, gx.part.geometry);
    if (m > reach(next.shot, s)) { return { mark: "retake", why: gx.t("why.outside", { m: Math.round(m) }) }; }
    const off = misses(s, next.shot);
    if (off !== null && off > HALF_VIEW) { return { mark: "retake", why: gx.t("why.facing", { deg: Math.round(off) }) }; }
    return { mark: "ok", why: "" };
  }

  /* --- taking ---------------------------------------------------------------------------------------------- */
  camera.open = async () => {
    if (gx.locked) { return; }
    space();
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
      if (gx.mode !== "basic") { tell(gx.t("camera.none")); }
      camera.system();
      return;
    }
    const dialog = gx.$("camera");
    if (!dialog.open) { if (dialog.showModal) { dialog.showModal(); } else { dialog.setAttribute("open", ""); } history.pushState({ gxf: "camera" }, ""); }
    gx.write(gx.$("camera-said"), gx.t("camera.starting"));
    gx.$("shutter").disabled = true;
    camera.refresh();
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: { ideal: "environment" }, width: { ideal: 2560 }, height: { ideal: 1920 } } });
      if (!dialog.open) { stop(); return; }
      const video = gx.$("video");
      video.srcObject = stream;
      await video.play();
      gx.write(gx.$("camera-said"), "");
      gx.$("shutter").disabled = false;
      gx.$("shutter").focus();
      if (navigator.wakeLock) { navigator.wakeLock.request("screen").then((lock) => { dialog.addEventListener("close", () => lock.release(), { once: true }); }, () => {}); }
    } catch (error) {
      stop();
      gx.write(gx.$("camera-said"), gx.t(error.name === "NotAllowedError" ? "camera.denied" : "camera.none"));
      gx.$("camera-system").focus();
    }
  };
  const stop = () => { if (stream) { stream.getTracks().forEach((track) => track.stop()); stream = null; } gx.$("video").srcObject = null; };
  camera.close = (byBack) => {
    const dialog = gx.$("camera");
    stop();
    if (dialog.open) { if (dialog.close) { dialog.close(); } else { dialog.removeAttribute("open"); } if (!byBack && history.state && history.state.gxf === "camera") { history.back(); } }
    chosen = null;
    gx.emit("records");
  };
  camera.isOpen = () => gx.$("camera").open;

  async function shoot() {
    const video = gx.$("video");
    if (busy || !stream || !video.videoWidth) { return; }
    busy = true;
    gx.$("shutter").setAttribute("aria-disabled", "true"); /* not `disabled`: that would take the focus away */
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth; canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    const moment = read(false); /* the same tick as the frame */
    gx.write(gx.$("camera-said"), gx.t("camera.saving"));
    try {
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
      if (blob) { await keep(blob, moment); } else { tell(gx.t("camera.empty")); }
    } finally { busy = false; gx.$("shutter").removeAttribute("aria-disabled"); }
  }
  function read(returned) {
    const next = camera.next(), sample = gx.place.sample(returned);
    return { next, sample, clock: gx.clock(), taken_at: new Date(gx.now()).toISOString(), theCase: gx.case, part: gx.part, judged: judge(sample, next) };
  }
  async function keep(blob, moment) {
    const { next, sample } = moment;
    const record = Object.assign({
      id: "", kind: "photo", case: moment.theCase.number, part: moment.part.id, version: moment.theCase.version,
      shot: next.shot, n: next.n, size: blob.size, type: blob.type || "image/jpeg", taken_at: moment.taken_at, clock: moment.clock,
    }, next.corner ? { corner: next.corner.name, corner_n: next.corner.n } : {}, sample, moment.judged);
    try {
      record.id = await gxSha256(blob);
      await gxStore.put(record, blob);
    } catch (error) {
      await gx.reload().catch(() => {});
      gx.emit("records");
      /* the store may hold it in memory and send it all the same; what nobody holds is offered as a file */
      if (gx.records.some((r) => r.id === record.id && r.unsaved)) { tell(error.message); } else { tell(gx.t("camera.not_saved", { why: (error && (error.message || error.name)) || "?" })); rescue(blob, record); }
      return;
    }
    if (chosen && chosen.shot !== "corner") { const goal = camera.goals().find((g) => g.shot === chosen.shot); if (!goal || goal.held + 1 >= goal.wanted) { chosen = null; } } else { chosen = null; }
    await gx.reload();
    gx.savedAt = gx.now();
    tell(record.mark === "retake" ? gx.t("camera.retake", { why: record.why }) : gx.t("camera.saved", { title: camera.title(record), size: gx.size(record.size) }));
    gx.emit("records");
    space();
  }
  /* what could not be put away is offered as a file: nothing that was taken is thrown away */
  function rescue(blob, record) {
    const link = gx.el("a", { href: URL.createObjectURL(blob), download: record.case + "-" + record.shot + "-" + record.taken_at.replace(/[:.]/g, "") + ".jpg" });
    document.body.append(link); link.click(); link.remove();
  }
  const tell = (text) => { gx.write(gx.$("camera-said"), text); if (!camera.isOpen()) { gx.say(text); const note = gx.$("photo-note"); gx.write(note, text); gx.show(note, text); } };
  async function space() {
    const found = await gxStore.space().catch(() => null);
    camera.free_mb = found && found.free !== null ? Math.floor(found.free / 1e6) : null;
    const low = !!found && found.low;
    if (low && !camera.low) { tell(gx.t("camera.low", { mb: camera.free_mb })); }
    camera.low = low;
    gx.emit("strip");
  }
  camera.isLow = () => camera.low;
  camera.space = space;

  camera.system = () => { gx.$("file").value = ""; gx.$("file").click(); };
  function returned() {
    const file = gx.$("file").files[0];
    if (!file) { return; }
    keep(file, read(true));
  }

  /* --- the step ---------------------------------------------------------------------------------------------- */
  const kindOf = (goal) => (goal.needed ? gx.t("photo.needed", { n: goal.needed, held: camera.counted(goal.shot) }) : gx.t(goal.shot === "inside" ? "photo.optional" : "photo.asked"));
  camera.render = () => {
    if (!gx.part) { return; }
    const goals = camera.goals(), next = camera.next(), taken = camera.taken();
    const rows = goals.map((g) => gx.el("li", {}, gx.el("button", {
      type: "button", "aria-pressed": String(next.shot === g.shot && !next.all), "aria-label": gx.t("photo.count", { shot: gx.t("shot." + g.shot), held: g.held, wanted: g.wanted }) + gx.t("join") + kindOf(g),
      onclick: () => { chosen = { shot: g.shot }; camera.render(); gx.emit("foot"); },
    }, gx.el("i", { class: g.held >= g.wanted ? "gxf-box is-done" : "gxf-box" }, g.held >= g.wanted ? gx.icon("check", 16) : null), gx.el("span", {}, gx.t("shot." + g.shot), gx.el("small", {}, kindOf(g))), gx.el("b", {}, g.held + "/" + g.wanted))));
    fill(gx.$("goals"), rows);
    const room = gx.upload.roomSaid();
    gx.show(gx.$("room"), room);
    gx.write(gx.$("room"), room);
    gx.show(gx.$("held"), gx.heldThere().photos && !taken.length);
    gx.write(gx.$("held"), gx.t("photo.held", { n: gx.heldThere().photos || 0 }));
    plan(next);
    camera.refresh();
    const cards = taken.map((r) => {
      const img = gx.el("img", { alt: "", width: 110, height: 72, loading: "lazy" });
      thumb(r, img);
      const bad = r.mark !== "ok";
      return gx.el("li", { "data-mark": r.mark }, gx.el("button", { type: "button", "aria-label": gx.t("photo.view", { title: camera.title(r) }) + " " + gx.t("mark." + r.mark), onclick: () => view(r) },
        img, gx.el("span", { class: "gxf-badge", "data-mark": r.mark, title: r.why || null }, bad ? gx.t("mark." + r.mark) : gx.icon("check", 16)),
        gx.el("b", {}, camera.title(r)), gx.el("small", {}, facts(r))));
    });
    fill(gx.$("photos"), cards);
  };
  /* the same nodes again would take the focus away: keep what had it */
  function fill(list, items) {
    const focused = list.contains(document.activeElement) ? Array.from(list.children).findIndex((li) => li.contains(document.activeElement)) : -1;
    list.replaceChildren(...items);
    if (focused >= 0 && items[focused]) { items[focused].querySelector("button").focus(); }
  }
  const facts = (r) => [r.heading_deg === null ? null : Math.round(r.heading_deg) % 360 + "°", r.accuracy_m ? "±" + Math.round(r.accuracy_m) + " " + gx.t("metres") : null, r.heading_deg === null && !r.accuracy_m ? gx.time(r.taken_at) : null].filter(Boolean).join(" ");

  /* what changes with every reading: title and ticks, on the page and over the camera */
  camera.refresh = () => {
    if (!gx.part) { return; }
    const next = camera.next(), text = said(next), made = ticks(next);
    [[gx.$("next").firstElementChild, gx.$("next").querySelector("ul")], [gx.$("camera-what"), gx.$("camera-ticks")]].forEach(([title, list]) => {
      gx.write(title, text);
      made.forEach((tick, n) => {
        const state = tick.ok === null ? "none" : tick.ok ? "yes" : "no";
        let item = list.children[n];
        if (!item || item.dataset.ok !== state) {
          const fresh = gx.el("li", { "data-ok": state }, tick.ok === null ? gx.el("i", {}, "–") : gx.icon(tick.ok ? "check" : "cross", 18), gx.el("span", {}), gx.el("span", { class: "gx-hidden" }, tick.ok === null ? "" : gx.t(tick.ok ? "tick.yes" : "tick.no")));
          if (item) { item.replaceWith(fresh); } else { list.append(fresh); }
          item = fresh;
        }
        gx.write(item.children[1], tick.text);
      });
      while (list.children.length > made.length) { list.lastElementChild.remove(); }
    });
  };

  /* the plan: the patch, corners done and open, where to stand and look, the own place */
  function plan(next) {
    const svg = gx.$("plan"), centre = gx.part.centre, all = [];
    gx.geo.polygons(gx.part.geometry).forEach((rings) => rings.forEach((ring) => all.push(ring.map((p) => gx.geo.offset(centre, p)))));
    const xs = all.flat().map((p) => p[0]), ys = all.flat().map((p) => p[1]);
    const w = Math.max(...xs) - Math.min(...xs), h = Math.max(...ys) - Math.min(...ys), k = Math.min(122 / (w || 1), 118 / (h || 1));
    const cx = (Math.max(...xs) + Math.min(...xs)) / 2, cy = (Math.max(...ys) + Math.min(...ys)) / 2;
    const to = (p) => [90 + (p[0] - cx) * k, 114 - (p[1] - cy) * k];
    const d = all.map((ring) => "M" + ring.map((p) => to(p).map((v) => v.toFixed(1)).join(" ")).join("L") + "z").join("");
    const drawn = [gx.el("path", { d: "M90 8l6 12h-12z", fill: "#14201a" }), text(90, 34, gx.t("north"), "#14201a", 13),
      gx.el("path", { d, fill: "#fffbdc", "fill-rule": "evenodd", stroke: "#14201a", "stroke-width": 5.5, "stroke-linejoin": "round" }), gx.el("path", { d, fill: "none", stroke: "#ffd400", "stroke-width": 2.6, "stroke-linejoin": "round" })];
    const had = new Set(camera.taken().filter((r) => r.shot === "corner" && r.mark !== "retake").map((r) => r.corner_n));
    gx.part.corners.forEach((c, n) => {
      const done = had.has(n + 1), now = next.corner && next.corner.n === n + 1 && !next.all;
      const [x, y] = to(gx.geo.offset(centre, [c[0], c[1]])), [mx, my] = to([0, 0]), a = Math.atan2(my - y, mx - x), r = 34;
      const wedge = "M" + [x + Math.cos(a) * 9, y + Math.sin(a) * 9].map((v) => v.toFixed(1)).join(" ") + "L" + [a - 0.5, a + 0.5].map((t) => (x + Math.cos(t) * r).toFixed(1) + " " + (y + Math.sin(t) * r).toFixed(1)).join("A" + r + " " + r + " 0 0 1 ") + "z";
      drawn.push(gx.el("path", { d: wedge, fill: done ? "#0b7450" : "#fff", "fill-opacity": done ? 0.4 : 0.9, stroke: done ? "#0b7450" : now ? "#8f3607" : "#5b675f", "stroke-width": 1.6, "stroke-dasharray": done ? null : "4 3" }));
      drawn.push(gx.el("circle", { cx: x, cy: y, r: 12, fill: done ? "#0b7450" : "#fff", stroke: done ? "#fff" : now ? "#8f3607" : "#5b675f", "stroke-width": now ? 3 : 2 }), text(x, y + 5, String(n + 1), done ? "#fff" : now ? "#8f3607" : "#44514a", 14));
    });
    const here = gx.place.here();
    if (here) {
      const [x, y] = to(gx.geo.offset(centre, [here.lon, here.lat]));
      if (x > 4 && x < 176 && y > 40 && y < 196) { drawn.push(gx.el("circle", { cx: x, cy: y, r: 7, fill: "#1a66d6", stroke: "#fff", "stroke-width": 2.5 })); }
    }
    svg.replaceChildren(...drawn);
  }
  const text = (x, y, what, fill, size) => gx.el("text", { x, y, fill, "font-size": size, "font-weight": 700, "text-anchor": "middle" }, what);

  /* --- small pictures and the look at one ---------------------------------------------------------------------- */
  let line = Promise.resolve();
  function thumb(record, img) {
    if (thumbs.has(record.id)) { img.src = thumbs.get(record.id); return; }
    line = line.then(async () => {
      if (thumbs.has(record.id)) { img.src = thumbs.get(record.id); return; }
      try {
        const blob = await gxStore.blob(record.id);
        if (!blob) { return; }
        const small = await createImageBitmap(blob, { resizeWidth: 216, resizeQuality: "medium" });
        const canvas = document.createElement("canvas");
        canvas.width = small.width; canvas.height = small.height;
        canvas.getContext("2d").drawImage(small, 0, 0);
        small.close();
        thumbs.set(record.id, canvas.toDataURL("image/jpeg", 0.7));
        img.src = thumbs.get(record.id);
      } catch (_) { img.classList.add("is-missing"); }
    });
  }
  camera.thumb = thumb;
  async function view(record) {
    viewed = record;
    const blob = await gxStore.blob(record.id), dialog = gx.$("viewer"), img = gx.$("viewer-img");
    if (blob) { img.src = URL.createObjectURL(blob); }
    img.alt = camera.title(record);
    gx.write(gx.$("viewer-title"), camera.title(record));
    gx.$("viewer-facts").replaceChildren(...[
      record.why, gx.t("photo.taken", { time: gx.dayTime(record.taken_at) }), record.heading_deg === null ? null : gx.t("tick.heading", { deg: Math.round(record.heading_deg) % 360 }),
      record.lon === null ? gx.t("why.none") : gx.t("photo.position", { lat: record.lat.toFixed(6), lon: record.lon.toFixed(6), m: record.accuracy_m === null ? "?" : Math.round(record.accuracy_m) }),
      gx.t("photo.size", { size: gx.size(record.size) }), gx.t("photo.sha", { sha: record.id.slice(0, 12) }),
    ].filter(Boolean).map((fact) => gx.el("li", {}, fact)));
    gx.show(gx.$("viewer-again"), !gx.locked);
    if (dialog.showModal) { dialog.showModal(); } else { dialog.setAttribute("open", ""); }
  }
  const unview = () => { const dialog = gx.$("viewer"), img = gx.$("viewer-img"); if (dialog.close) { dialog.close(); } else { dialog.removeAttribute("open"); } if (img.src) { URL.revokeObjectURL(img.src); img.removeAttribute("src"); } };

  camera.wire = () => {
    gx.$("shutter").addEventListener("click", shoot);
    gx.$("camera-close").addEventListener("click", () => camera.close());
    gx.$("camera").addEventListener("cancel", (event) => { event.preventDefault(); camera.close(); });
    gx.$("camera-system").addEventListener("click", camera.system);
    gx.$("file").addEventListener("change", returned);
    gx.$("viewer-close").addEventListener("click", unview);
    gx.$("viewer-again").addEventListener("click", () => { chosen = { shot: viewed.shot, corner: viewed.corner_n || null }; unview(); camera.open(); });
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden" && camera.isOpen() && stream) { stop(); } else if (document.visibilityState === "visible" && camera.isOpen() && !stream) { camera.open(); } });
  };
})();
