/* The door of a field link: takes the secret out of the address, exchanges it once for a cookie of this path, loads the page. */
(function () {
  "use strict";
  const $ = (id) => document.getElementById("gx-door-" + id), words = $("words").dataset;
  const base = location.pathname, link = (/^\/l\/([^/]+)\//.exec(base) || [])[1] || "";
  const said = (body) => (body && (body[document.documentElement.lang.slice(0, 2)] || body.zh)) || words.refused;
  const secret = location.hash.slice(1);
  if (secret) { history.replaceState(null, "", base); } /* neither history nor a bookmark keeps it */

  async function open() {
    $("again").hidden = true;
    let answer;
    try {
      answer = secret
        ? await fetch("open", { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify({ secret }), credentials: "same-origin", cache: "no-store", referrerPolicy: "no-referrer" })
        : await fetch("data.json", { headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store" });
    } catch (_) { show(words.title, words.away, true); return; }
    if (answer.ok && once()) { location.replace(base); return; }
    const body = await answer.json().catch(() => null);
    if (answer.status === 410) { show(words.over, said(body)); } else if (answer.status === 429) { show(words.title, said(body) || words.many, true); } else if (answer.status >= 500) { show(words.title, words.away, true); } else { show(words.title, said(body)); }
  }
  /* a browser that keeps no cookie must not load for ever */
  function once() {
    const key = "gx-door " + link, now = Date.now();
    try {
      if (now - Number(sessionStorage.getItem(key) || 0) < 5000) { return false; }
      sessionStorage.setItem(key, String(now));
    } catch (_) { return !/[?&]again/.test(location.search); }
    return true;
  }
  function show(title, text, again) {
    $("title").textContent = title;
    $("text").textContent = text;
    $("again").hidden = !again;
    kept();
  }
  /* what was captured on this phone under this link can always be taken along */
  async function kept() {
    try {
      await gxStore.open(link);
      const left = (await gxStore.all()).filter((row) => row.state.name !== "sent").length;
      $("kept").hidden = !left;
      $("count").textContent = words.count.replace("{n}", left);
    } catch (_) { $("kept").hidden = true; }
  }
  $("again").addEventListener("click", open);
  $("export").addEventListener("click", async () => {
    const made = await gxPackage(), to = document.createElement("a");
    to.href = URL.createObjectURL(made.blob);
    to.download = made.name;
    document.body.append(to);
    to.click();
    to.remove();
    setTimeout(() => URL.revokeObjectURL(to.href), 60000);
  });
  open();
})();
