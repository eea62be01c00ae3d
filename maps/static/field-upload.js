/* What waits, what is on its way, what the office has receipted; the package to take along; the page of a link that ended. */
(function () {
  "use strict";
  const gx = window.gxField;
  const upload = (gx.upload = { busy: false });

  /* {is: waiting | uploading | sent | retry | refused, n, at, receipt, sentence} of a record */
  upload.state = (record) => {
    const s = record.state;
    return Object.assign({}, s, { is: (s && s.name) || "waiting" });
  };
  /* in the order in which they go up: the verdict first, then photos, oldest first */
  upload.order = () => gx.records.slice().sort((a, b) => Number(a.kind === "photo") - Number(b.kind === "photo") || (a.taken_at < b.taken_at ? -1 : 1));
  upload.waiting = () => gx.records.filter((r) => !["sent", "refused"].includes(upload.state(r).is));
  upload.unsent = () => gx.records.filter((r) => upload.state(r).is !== "sent");
  upload.counts = () => ({ all: gx.records.length, sent: gx.records.filter((r) => upload.state(r).is === "sent").length, moving: gx.records.some((r) => upload.state(r).is === "uploading") });

  /* what the link still takes once everything here is sent, as last told by data.json or by a receipt since; null: not told */
  const NEAR = { photos: 20, bytes: 100e6 };
  upload.room = () => {
    const link = gx.data && gx.data.link;
    if (!link || !link.room || gx.mode === "file") { return null; } /* a package is taken whatever its size */
    const told = gx.records.map((r) => upload.state(r)).filter((s) => s.is === "sent" && s.receipt && s.receipt.room && s.at > link.server_now).sort((a, b) => (a.at < b.at ? -1 : 1));
    const last = told.length ? told[told.length - 1].receipt.room : link.room, waits = gx.records.filter((r) => r.kind === "photo" && upload.state(r).is !== "sent");
    return { photos: Math.max(0, last.photos - waits.length), bytes: Math.max(0, last.bytes - waits.reduce((sum, r) => sum + (r.size || 0), 0)) };
  };
  upload.roomSaid = () => {
    const left = upload.room();
    if (!left || (left.photos > NEAR.photos && left.bytes > NEAR.bytes)) { return ""; }
    return left.photos && left.bytes > 1e6 ? gx.t("room.near", { photos: left.photos, size: gx.size(left.bytes) }) : gx.t("room.full");
  };

  const nameOf = (r) => (r.kind === "photo" ? gx.camera.title(r) : gx.t(r.kind === "postponed" ? "row.cannot" : "row.verdict", { name: gx.data ? gx.verdict.nameOf(r) : r.payload.verdict || r.payload.reason }));
  function tag(r) {
    const s = upload.state(r);
    if (r.unsaved) { return { tone: "refused", text: gx.t("row.unsaved") }; }
    if (s.is === "sent") { return { tone: "sent", text: gx.t("row.sent") }; }
    if (s.is === "uploading") { return { tone: "moving", text: gx.t("row.uploading", { n: Math.round(s.n || 0) }) }; }
    if (s.is === "retry") { return { tone: "retry", text: gx.t("row.retry", { n: s.n || 1 }) }; }
    if (s.is === "refused") { return { tone: "refused", text: gx.t("row.refused") }; }
    return { tone: gx.locked ? "late" : "waiting", text: gx.t("row.waiting") };
  }
  function under(r) {
    const s = upload.state(r), parts = [gx.time(r.taken_at)], receipt = s.receipt || {};
    if (gx.data && gx.data.cases.length > 1) { parts.push(r.case); }
    if (r.kind !== "photo" && s.is !== "sent") { parts.push(gx.t("row.first")); }
    if (r.size) { parts.push(gx.size(r.size)); }
    if (s.is === "sent" && receipt.seq) { parts.push(gx.t("row.receipt", { seq: receipt.seq })); }
    if (s.is === "sent" && (receipt.kind === "SUPPLEMENT" || receipt.overtaken)) { parts.push(gx.t("row.supplement")); }
    if (s.is === "sent" && receipt.kind === "WAITING") { parts.push(gx.t("row.waits")); }
    if (s.is === "retry" && s.at) { parts.push(gx.t("row.retry_at", { time: gx.time(s.at) })); }
    return parts.join(" · ");
  }
  function row(r) {
    const s = upload.state(r), t = tag(r);
    let picture;
    if (r.kind === "photo") { picture = gx.el("img", { alt: "", width: 64, height: 48 }); gx.camera.thumb(r, picture); } else { picture = gx.el("span", { class: "gxf-paper" }, gx.icon("paper", 24)); }
    const said = s.is === "refused" || (s.is === "retry" && s.sentence) ? gx.either(s.sentence) : s.receipt && s.receipt.overtaken ? overtaken(s.receipt.overtaken) : s.receipt && s.receipt.kind === "WAITING" ? gx.either(s.receipt) : findings(s.receipt);
    return gx.el("li", { "data-id": r.id }, picture, gx.el("div", {}, gx.el("b", {}, nameOf(r)), gx.el("small", {}, under(r)), said ? gx.el("p", {}, said) : null), gx.el("span", { class: "gxf-tag", "data-tone": t.tone }, t.text));
  }
  const overtaken = (o) => gx.t("overtaken", { by: o.by, at: gx.dayTime(o.at), verdict: gx.either(o.name) || gx.either(o.verdict) });
  const findings = (receipt) => (receipt && Array.isArray(receipt.findings) ? receipt.findings.filter((f) => f && f.doubt).map((f) => gx.either(f.text)).filter(Boolean).slice(0, 1).join("") : "");

  let drawn = "";
  const fill = (list) => {
    const rows = upload.order();
    const now = list.id + JSON.stringify(rows.map((r) => [r.id, r.state, r.unsaved])) + gx.locked;
    if (now === drawn) { return; }
    drawn = now;
    list.replaceChildren(...rows.map(row));
  };
  upload.render = () => {
    const photos = gx.records.filter((r) => r.kind === "photo").length, verdicts = gx.records.length - photos, c = upload.counts();
    const all = c.all > 0 && c.sent === c.all;
    gx.write(gx.$("saved-title"), all ? gx.t("saved.all") : verdicts && photos ? gx.t("saved.title", { n: photos }) : photos ? gx.t("saved.photos", { n: photos }) : verdicts ? gx.t("saved.verdict") : gx.t("saved.none"));
    gx.write(gx.$("saved-note"), all ? gx.t("saved.all_note", { n: c.all }) : !c.all ? gx.t("saved.none_note") : gx.t(gx.mode === "file" ? "saved.note_file" : "saved.note"));
    gx.$("saved-disc").parentNode.classList.toggle("is-empty", !c.all);
    const bar = gx.$("progress");
    bar.max = c.all || 1; bar.value = gx.records.reduce((sum, r) => { const s = upload.state(r); return sum + (s.is === "sent" ? 1 : s.is === "uploading" ? (s.n || 0) / 100 : 0); }, 0);
    gx.show(bar, c.all && gx.mode !== "file");
    const late = gx.records.map((r) => upload.state(r)).find((s) => s.receipt && s.receipt.overtaken);
    gx.show(gx.$("upload-note"), upload.note || late);
    gx.write(gx.$("upload-note"), upload.note || (late ? overtaken(late.receipt.overtaken) : ""));
    fill(gx.$("rows"));
  };

  upload.export = async () => {
    if (upload.busy || !gx.records.length) { return; }
    upload.busy = true;
    gx.emit("foot");
    gx.say(gx.t("export.busy"));
    try {
      const made = await gxPackage();
      const { blob, name } = made;
      const link = gx.el("a", { href: URL.createObjectURL(blob), download: name });
      document.body.append(link); link.click(); link.remove();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      upload.note = gx.t("export.done", { name, size: gx.size(blob.size) });
    } catch (error) { upload.note = gx.t("export.failed", { why: error.message || error.name }); }
    upload.busy = false;
    gx.say(upload.note);
    gx.emit("records");
    gx.emit("foot");
  };
  upload.retry = () => {
    if (!upload.waiting().length) { gx.say(gx.t("retry.none")); return; }
    gxQueue.kick();
  };

  /* --- the link has ended: records stay, read-only, exportable ------------------------------------------------ */
  upload.gone = () => {
    const link = gx.data && gx.data.link, left = upload.unsent().length, theCase = gx.data && gx.data.cases[0];
    gx.write(gx.$("gone-about"), theCase ? theCase.number + " · " + gx.either(theCase.place) : "");
    gx.write(gx.$("gone-title"), gx.locked === "expired" && link ? gx.t("gone.title", { at: gx.dayTime(link.expires_at) }) : gx.t(gx.locked === "expired" ? "gone.over" : "gone.revoked"));
    gx.write(gx.$("gone-ask"), link && link.from ? gx.t("gone.ask", { to: gx.either(link.from) }) : gx.t("gone.ask_nobody"));
    gx.show(gx.$("gone-kept"), gx.records.length);
    gx.write(gx.$("gone-records"), left ? gx.t("gone.records", { n: left }) : gx.t("gone.no_records"));
    gx.write(gx.$("gone-note"), left ? gx.t("gone.records_note") : "");
    fill(gx.$("gone-rows"));
  };
  upload.paste = () => { gx.show(gx.$("paste"), true); gx.$("paste-in").focus(); };
  gx.$("paste").addEventListener("submit", (event) => {
    event.preventDefault();
    let to = null;
    try { to = new URL(gx.$("paste-in").value.trim().replace(/^[^h]*(?=https?:)/, "")); } catch (_) { to = null; }
    if (!to || !/^https?:$/.test(to.protocol) || !/^\/l\/[^/]+\/?$/.test(to.pathname) || to.hash.length < 8 || (location.protocol !== "file:" && to.host !== location.host)) {
      gx.write(gx.$("paste-bad"), gx.t("gone.bad"));
      gx.$("paste-in").setAttribute("aria-invalid", "true");
      gx.$("paste-in").focus();
      return;
    }
    location.assign(to.href);
    if (to.pathname === location.pathname) { location.reload(); }
  });
})();
