/* The verdict: each choice tells its proof before it is chosen; the button names what is missing; a draft is saved on every change. */
(function () {
  "use strict";
  const gx = window.gxField;
  const verdict = (gx.verdict = { draft: null });
  const MANY = 5;
  let key = "", more = new Set(), saving = Promise.resolve();

  const fresh = () => ({ verdict: "", sub: "", fields: {}, reason: "", again_on: "" });
  const draftKey = () => "verdict/" + gx.case.number + "/" + gx.part.id;
  verdict.load = async () => {
    key = draftKey();
    const wanted = key, found = await gxStore.draft(wanted);
    if (wanted !== key) { return; }
    verdict.draft = found || fresh();
    more = new Set();
    verdict.render();
  };
  const save = () => {
    const at = key, value = JSON.parse(JSON.stringify(verdict.draft));
    saving = saving.then(() => gxStore.saveDraft(at, value)).then(() => { gx.savedAt = gx.now(); gx.emit("strip"); }, (error) => gx.say(gx.t("camera.not_saved", { why: error.message || error.name })));
    refresh();
    gx.emit("foot");
  };
  verdict.rule = () => (verdict.draft && gx.case ? gx.case.verdicts.find((v) => v.key === verdict.draft.verdict) || null : null);
  const isCannot = () => verdict.draft && verdict.draft.verdict === "cannot";

  /* --- fields ------------------------------------------------------------------------------------------- */
  /* choices may stand under each sub-kind: then the finer choice says the sub-kind too */
  const nested = (field) => field.choices && !Array.isArray(field.choices) && Object.values(field.choices).some((c) => c && typeof c === "object" && !("zh" in c) && !("en" in c));
  const options = (field) => {
    if (!field.choices) { return []; }
    if (Array.isArray(field.choices)) { return field.choices.map((c) => (typeof c === "object" ? { key: c.key, name: gx.either(c.name) } : { key: c, name: String(c) })); }
    if (!nested(field)) { return Object.entries(field.choices).map(([k, name]) => ({ key: k, name: gx.either(name) })); }
    return Object.entries(field.choices).flatMap(([sub, of]) => Object.entries(of).map(([k, name]) => ({ key: k, name: gx.either(name), sub })));
  };
  const deep = (rule) => (rule.fields || []).find(nested);
  const hasSubs = (rule) => rule.subs && Object.keys(rule.subs).length > 0;
  const required = (rule, field) => (Array.isArray(field.required) ? field.required.includes(verdict.draft.sub) : Array.isArray(field.required_for) ? field.required || field.required_for.includes(verdict.draft.sub) : !!field.required);
  const filled = (field) => String(verdict.draft.fields[field.key] || "").trim() !== "" && fits(field, String(verdict.draft.fields[field.key]).trim());
  const fits = (field, value) => (field.type === "number" ? Number(value.replace(",", ".")) > 0 : field.type === "month" ? /^\d{4}(-\d{2})?$/.test(value) : field.type === "date" ? /^\d{4}-\d{2}-\d{2}$/.test(value) : true);

  /* [{text, id of the element}] of what is still missing; with a verdict chosen, the lines of its proof that are open */
  verdict.missing = () => {
    const rule = verdict.rule();
    if (isCannot()) {
      return [verdict.draft.reason ? null : { text: gx.t("verdict.reason"), id: "gxf-reason" }, verdict.draft.again_on > gx.isoDay(gx.now()) ? null : { text: gx.t("verdict.again"), id: "gxf-again" }].filter(Boolean);
    }
    if (!rule) { return [{ text: gx.t("verdict.choose"), id: "gxf-choices" }]; }
    return proof(rule).filter((line) => !line.ok).map((line) => ({ text: line.short || line.text, id: line.id, photo: line.photo }));
  };
  /* [{ok, text, short, id, photo}]: what the verdict needs, a line each. A finer choice says the sub-kind too: one line for both.
     Photos of the office count: from another phone, or before this link. */
  function proof(rule) {
    const lines = [], finer = deep(rule);
    if (hasSubs(rule) && (!finer || !required(rule, finer) || verdict.draft.sub)) {
      const sub = rule.subs[verdict.draft.sub];
      lines.push({ ok: !!sub, text: sub ? gx.t("verdict.under", { sub: gx.either(sub) }) : gx.t("verdict.sub"), id: finer ? "gxf-in-" + finer.key : "gxf-in-sub" });
    }
    (rule.fields || []).filter((f) => required(rule, f)).forEach((f) => {
      const said = filled(f), option = f.choices && options(f).find((o) => o.key === verdict.draft.fields[f.key]), name = gx.either(f.name);
      lines.push({ ok: said, short: name, id: "gxf-in-" + f.key, text: name + (said ? gx.t("colon") + (option ? option.name : verdict.draft.fields[f.key]) : gx.t("brackets", { text: gx.t(f.key === "party" ? "verdict.required_party" : "verdict.required") })) });
    });
    Object.entries(rule.photos || {}).forEach(([shot, n]) => {
      const held = gx.camera.counted(shot), name = gx.t("shot." + shot);
      lines.push({ ok: held >= n, text: gx.t("verdict.photos_held", { shot: name, n, held }), short: gx.t("verdict.photos", { shot: name, n: n - held }), id: "gxf-tab-photo", photo: shot });
    });
    return lines;
  }
  /* what is asked for beyond it, and what the gate of this verdict will miss: told, not counted */
  function beyond(rule) {
    const more = gx.camera.goals().filter((g) => g.wanted > g.needed && g.shot !== "inside").map((g) => gx.t("verdict.photos", { shot: gx.t("shot." + g.shot), n: g.wanted }));
    return [
      more.length ? gx.t("verdict.asked", { what: more.reduce((one, next) => gx.t("verdict.both", { one, more: next })) }) : "",
      rule.in_place && !gx.heldThere().in_place && !gx.camera.taken().some(gx.camera.inPlace) ? gx.t("verdict.in_place") : "",
    ].filter(Boolean);
  }
  const proofOf = (rule) => gx.either(rule.hint) || Object.entries(rule.photos || {}).map(([shot, n]) => gx.t("verdict.photos", { shot: gx.t("shot." + shot), n })).concat((rule.fields || []).filter((f) => f.required === true).map((f) => gx.either(f.name))).join(gx.t("join"));

  /* --- drawing -------------------------------------------------------------------------------------------- */
  verdict.given = () => gx.records.filter((r) => (r.kind === "verdict" || r.kind === "postponed") && r.case === gx.case.number && r.part === gx.part.id).sort((a, b) => (a.taken_at < b.taken_at ? 1 : -1))[0] || null;
  verdict.nameOf = (record) => {
    const theCase = gx.data.cases.find((c) => c.number === record.case);
    const found = !theCase ? null : record.kind === "postponed" ? theCase.cannot && theCase.cannot.find((c) => c.key === record.payload.reason) : theCase.verdicts.find((v) => v.key === record.payload.verdict);
    return found ? gx.either(found.name) : record.payload.verdict || record.payload.reason;
  };
  verdict.render = () => {
    if (!gx.part || !verdict.draft) { return; }
    const given = verdict.given(), done = given && !verdict.again;
    gx.show(gx.$("given"), done);
    gx.show(gx.$("form"), !done && !gx.locked);
    if (done) {
      gx.$("given").replaceChildren(gx.el("div", { class: "gxf-note", "data-tone": "sunk" }, gx.el("h2", {}, gx.t(given.kind === "postponed" ? "verdict.given_cannot" : "verdict.given", { time: gx.dayTime(given.taken_at), name: verdict.nameOf(given) })), gx.el("p", {}, gx.t("verdict.given_note"))));
      if (!gx.locked) { gx.$("given").append(gx.el("button", { type: "button", class: "gxf-second gxf-wide", onclick: () => { verdict.again = true; verdict.render(); gx.emit("foot"); gx.$("choices").querySelector("input").focus(); } }, gx.t("verdict.change"))); }
      return;
    }
    gx.$("choices").replaceChildren(...gx.case.verdicts.map((rule) => card(rule.key, gx.either(rule.name), proofOf(rule))), card("cannot", gx.t("verdict.cannot"), gx.t("verdict.cannot_hint")));
    detail();
  };
  function card(id, name, hint) {
    const input = gx.el("input", { type: "radio", name: "gxf-verdict", value: id, checked: verdict.draft.verdict === id, onchange: () => { verdict.draft.verdict = id; if (id === "cannot" && !verdict.draft.again_on) { verdict.draft.again_on = gx.isoDay(gx.now() + 864e5); } verdict.draft.sub = ""; keepSub(); detail(); save(); } });
    return gx.el("div", { class: "gxf-choice", "data-key": id }, gx.el("label", {}, input, gx.el("i", { class: "gxf-radio" }), gx.el("span", {}, gx.el("b", {}, name), gx.el("small", {}, hint))), gx.el("div", { class: "gxf-detail", hidden: true }));
  }
  /* the sub-kind of a finer choice made before stays with it */
  function keepSub() {
    const rule = verdict.rule(), field = rule && deep(rule);
    const said = field && options(field).find((o) => o.key === verdict.draft.fields[field.key]);
    if (said) { verdict.draft.sub = said.sub; }
  }
  function detail() {
    gx.$("choices").querySelectorAll(".gxf-choice").forEach((one) => {
      const on = one.dataset.key === verdict.draft.verdict, box = one.querySelector(".gxf-detail");
      one.classList.toggle("is-chosen", on);
      box.hidden = !on;
      if (!on) { box.replaceChildren(); return; }
      if (isCannot()) { box.replaceChildren(...cannot()); } else { box.replaceChildren(...inputs(verdict.rule())); }
    });
    refresh();
  }
  function chips(id, label, list, value, pick) {
    const long = list.length > MANY + 1 && !more.has(id), at = list.findIndex((o) => o.key === value);
    const shown = long ? list.filter((_, n) => n < MANY - 1 || n === at) : list;
    const set = gx.el("fieldset", { class: "gxf-chips", id, tabindex: "-1" }, gx.el("legend", {}, label),
      shown.map((o) => gx.el("label", {}, gx.el("input", { type: "radio", name: id, value: o.key, checked: o.key === value, onchange: () => pick(o) }), gx.el("span", {}, o.name))),
      long ? gx.el("button", { type: "button", "aria-expanded": "false", onclick: () => { more.add(id); detail(); const first = gx.$("choices").querySelector("#" + id + " input"); if (first) { first.focus(); } } }, gx.t("verdict.more")) : null);
    return set;
  }
  function inputs(rule) {
    const made = [], finer = deep(rule);
    if (hasSubs(rule) && !finer) {
      made.push(chips("gxf-in-sub", gx.t("verdict.sub"), Object.entries(rule.subs).map(([k, name]) => ({ key: k, name: gx.either(name) })), verdict.draft.sub, (o) => { verdict.draft.sub = o.key; relabel(); save(); }));
    }
    const all = (rule.fields || []).slice().sort((a, b) => Number(b === finer) - Number(a === finer) || Number(required(rule, b)) - Number(required(rule, a)));
    const proof = gx.el("ul", { class: "gxf-proof", id: "gxf-proof" }), open = all.filter((f) => !required(rule, f) && !f.choices).length;
    all.forEach((field, n) => {
      if (n === all.length - open) { made.push(proof); } /* what must be there, then its proof, then what may be said */
      const id = "gxf-in-" + field.key, name = gx.either(field.name), value = verdict.draft.fields[field.key] || "";
      if (field.choices) {
        made.push(chips(id, name, options(field), value, (o) => { verdict.draft.fields[field.key] = o.key; if (o.sub) { verdict.draft.sub = o.sub; } save(); }));
        return;
      }
      const kind = { number: "text", date: "date", month: "month" }[field.type] || "text";
      const long = field.type === "text" && /^(text|remark|description)$/.test(field.key);
      const input = gx.el(long ? "textarea" : "input", { id, type: long ? null : kind, rows: long ? 3 : null, inputmode: field.type === "number" ? "decimal" : null, max: kind === "date" ? gx.isoDay(gx.now()) : null, oninput: (event) => { verdict.draft.fields[field.key] = event.target.value; save(); }, maxlength: kind === "text" ? 500 : null });
      input.value = value;
      made.push(gx.el("div", { class: "gxf-field", "data-field": field.key }, gx.el("label", { for: id }, name, gx.el("small", {}, "")), input));
    });
    if (!made.includes(proof)) { made.push(proof); }
    return made;
  }
  function cannot() {
    const again = gx.el("input", { type: "date", id: "gxf-again", min: gx.isoDay(gx.now() + 864e5), oninput: (event) => { verdict.draft.again_on = event.target.value; save(); } });
    again.value = verdict.draft.again_on;
    return [chips("gxf-reason", gx.t("verdict.reason"), (gx.case.cannot || []).map((c) => ({ key: c.key, name: gx.either(c.name) })), verdict.draft.reason, (o) => { verdict.draft.reason = o.key; save(); }), gx.el("div", { class: "gxf-field" }, gx.el("label", { for: "gxf-again" }, gx.t("verdict.again")), again)];
  }
  /* which fields are required may hang on the sub-kind */
  function relabel() {
    const rule = verdict.rule();
    ((rule && rule.fields) || []).forEach((field) => {
      const box = gx.$("choices").querySelector('[data-field="' + field.key + '"]');
      if (!box) { return; }
      const must = required(rule, field);
      gx.write(box.querySelector("small"), gx.t(must ? (field.key === "party" ? "verdict.required_party" : "verdict.required") : "verdict.optional"));
      if (must) { box.querySelector("input,textarea").setAttribute("aria-required", "true"); }
    });
  }
  /* the proof, line by line: what is there and what is not */
  function refresh() {
    const rule = verdict.rule(), list = gx.$("choices").querySelector("#gxf-proof");
    relabel();
    if (!rule || !list) { return; }
    list.replaceChildren(
      ...proof(rule).map(({ ok, text }) => gx.el("li", { "data-ok": ok ? "yes" : "no" }, gx.el("i", { class: ok ? "gxf-box is-done" : "gxf-box" }, ok ? gx.icon("check", 16) : null), gx.el("span", { class: "gx-hidden" }, gx.t(ok ? "verdict.ready" : "verdict.lacks")), gx.el("span", {}, text))),
      ...beyond(rule).map((text) => gx.el("li", { class: "gxf-beyond" }, gx.el("span", {}, text)))
    );
  }
  verdict.refresh = refresh;

  /* --- the button -------------------------------------------------------------------------------------------- */
  verdict.button = () => {
    const given = verdict.given();
    if (given && !verdict.again) { return { text: gx.t("retry.upload"), ready: true, done: true }; }
    const lacks = verdict.missing();
    if (!verdict.draft || !verdict.draft.verdict) { return { text: gx.t("verdict.choose"), ready: false, lacks }; }
    if (lacks.length) { return { text: gx.t("verdict.missing", { n: lacks.length, what: lacks[0].text }), ready: false, lacks }; }
    return { text: gx.t(isCannot() ? "verdict.give_cannot" : "verdict.give"), ready: true };
  };
  verdict.press = async () => {
    const button = verdict.button();
    if (button.done) { gx.go("upload"); return; }
    if (!button.ready) {
      const first = button.lacks[0], node = document.getElementById(first.id);
      if (first.photo) { gx.camera.ask(first.photo); gx.go("photo"); }
      else if (node) { node.scrollIntoView({ block: "center" }); (node.matches("input,textarea") ? node : node.querySelector("input") || node).focus(); }
      gx.say(button.text);
      return;
    }
    const d = verdict.draft, at = new Date(gx.now()).toISOString();
    const record = { id: gx.uuid(), case: gx.case.number, part: gx.part.id, version: gx.case.version, taken_at: at, clock: gx.clock() };
    if (isCannot()) { Object.assign(record, { kind: "postponed", payload: { reason: d.reason, again_on: d.again_on } }); }
    else {
      const rule = verdict.rule(), payload = { verdict: rule.key };
      if (d.sub) { payload.sub = d.sub; }
      (rule.fields || []).forEach((f) => { const v = String(d.fields[f.key] || "").trim(); if (v) { payload[f.key] = f.type === "number" ? Number(v.replace(",", ".")) : v; } });
      Object.assign(record, { kind: "verdict", payload, photos: gx.camera.taken().map((r) => r.id) });
    }
    try { await gxStore.put(record, null); } catch (error) {
      gx.say(error.message || error.name);
      gx.upload.note = error.message || error.name;
      await gx.reload().catch(() => {});
      if (!gx.records.some((r) => r.id === record.id)) { return; } /* else it is held in memory, and goes up all the same */
    }
    saving = saving.then(() => gxStore.saveDraft(key, null)).catch(() => {});
    verdict.draft = fresh();
    verdict.again = false;
    gx.savedAt = gx.now();
    await gx.reload();
    gx.emit("records");
    gx.go("upload");
  };
  gx.$("form").addEventListener("submit", (event) => { event.preventDefault(); verdict.press(); });
})();
