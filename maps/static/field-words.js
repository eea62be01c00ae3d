/* What the scripts of the field page share: words, elements, times, events. Everything hangs on window.gxField. */
(function () {
  "use strict";
  const words = JSON.parse(document.getElementById("gx-field-words").textContent);
  const lang = document.documentElement.lang.slice(0, 2) === "zh" ? "zh" : "en";
  const heard = {};
  const gx = (window.gxField = { lang, now: () => Date.now() });

  /* a sentence by its key, its {fields} filled in; never markup */
  gx.t = (key, fields) => {
    const text = words[key];
    if (typeof text !== "string") { return key; }
    return text.replace(/\{(\w+)\}/g, (_, name) => (fields && name in fields ? String(fields[name]) : ""));
  };
  gx.words = words;
  /* a text in both languages */
  gx.either = (text) => (text && typeof text === "object" ? text[lang] || text.zh || text.en || "" : String(text === undefined || text === null ? "" : text));
  gx.$ = (id) => document.getElementById("gxf-" + id);

  /* el("li", {class: "a", onclick: f}, "text", child…): text stays text */
  gx.el = (tag, attributes, ...children) => {
    const svg = /^(svg|g|path|circle|text|line|polygon|use|title)$/.test(tag);
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    Object.entries(attributes || {}).forEach(([name, value]) => {
      if (value === null || value === undefined || value === false) { return; }
      if (name.startsWith("on")) { made.addEventListener(name.slice(2), value); }
      else { made.setAttribute(name, value === true ? "" : value); }
    });
    children.flat().forEach((child) => {
      if (child !== null && child !== undefined && child !== false) { made.append(child); }
    });
    return made;
  };
  gx.icon = (name, size) => {
    const svg = gx.el("svg", { class: "gxf-icon", width: size || 20, height: size || 20, "aria-hidden": "true" });
    svg.append(gx.el("use", { href: "#i-" + name }));
    return svg;
  };
  /* only where it changed: a live region must not say the same twice */
  gx.write = (node, text) => { if (node && node.textContent !== text) { node.textContent = text; } };
  gx.say = (text) => gx.write(gx.$("said"), text);
  gx.show = (node, shown) => { if (node.hidden === !!shown) { node.hidden = !shown; } };

  /* --- times in Beijing, numbers -------------------------------------------------------------------- */
  const eight = (at) => new Date(new Date(at).getTime() + 8 * 3600e3).toISOString();
  gx.time = (at) => eight(at).slice(11, 16);
  gx.day = (at) => { const day = eight(at).slice(0, 10); return day.slice(0, 4) === eight(gx.now()).slice(0, 4) ? day.slice(5) : day; };
  gx.dayTime = (at) => gx.day(at) + " " + gx.time(at);
  gx.isoDay = (ms) => eight(ms).slice(0, 10);
  gx.metres = (m) => (m < 1000 ? String(Math.round(m)) : (m / 1000).toFixed(m < 9950 ? 1 : 0));
  gx.metresUnit = (m) => gx.t(m < 1000 ? "metres" : "km");
  gx.size = (bytes) => (bytes < 1e6 ? gx.t("kb", { n: Math.max(1, Math.round(bytes / 1e3)) }) : gx.t("mb", { n: (bytes / 1e6).toFixed(1) }));
  gx.uuid = () => {
    if (window.crypto && crypto.randomUUID) { return crypto.randomUUID(); }
    const b = crypto.getRandomValues(new Uint8Array(16));
    b[6] = (b[6] & 15) | 64; b[8] = (b[8] & 63) | 128;
    const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  };

  gx.on = (name, hear) => { (heard[name] = heard[name] || []).push(hear); };
  gx.emit = (name, what) => { (heard[name] || []).forEach((hear) => hear(what)); };

  /* --- ground: lon/lat in degrees, metres within some kilometres ------------------------------------- */
  const rad = Math.PI / 180;
  const geo = (gx.geo = {});
  /* [east, north] of b from a, in metres (WGS 84 and CGCS2000 agree far below a phone's accuracy) */
  geo.offset = (a, b) => {
    const phi = ((a[1] + b[1]) / 2) * rad;
    const perLat = 111132.954 - 559.822 * Math.cos(2 * phi) + 1.175 * Math.cos(4 * phi);
    const perLon = 111412.84 * Math.cos(phi) - 93.5 * Math.cos(3 * phi);
    return [(b[0] - a[0]) * perLon, (b[1] - a[1]) * perLat];
  };
  geo.moved = (a, east, north) => {
    const one = geo.offset(a, [a[0] + 0.001, a[1] + 0.001]);
    return [a[0] + (east / one[0]) * 0.001, a[1] + (north / one[1]) * 0.001];
  };
  geo.distance = (a, b) => Math.hypot(...geo.offset(a, b));
  geo.turn = (deg) => ((deg % 360) + 360) % 360;
  geo.bearing = (a, b) => { const [e, n] = geo.offset(a, b); return geo.turn(Math.atan2(e, n) / rad); };
  /* from a to b the short way round: -180 … 180, right is positive */
  geo.apart = (a, b) => ((b - a + 540) % 360) - 180;
  geo.point = (deg) => words.points[Math.round(geo.turn(deg) / 45) % 8];
  geo.polygons = (geometry) => (geometry.type === "MultiPolygon" ? geometry.coordinates : geometry.type === "Polygon" ? [geometry.coordinates] : []);
  geo.inside = (at, geometry) => geo.polygons(geometry).some((rings) => rings.reduce((within, ring) => {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [x, y] = ring[i], [u, v] = ring[j];
      if (y > at[1] !== v > at[1] && at[0] < ((u - x) * (at[1] - y)) / (v - y) + x) { within = !within; }
    }
    return within;
  }, false));
  /* metres to the patch: 0 inside, else to the nearest point of its boundary */
  geo.away = (at, geometry) => {
    if (geo.inside(at, geometry)) { return 0; }
    let least = Infinity;
    geo.polygons(geometry).forEach((rings) => rings.forEach((ring) => {
      const line = ring.map((p) => geo.offset(at, p));
      for (let i = 1; i < line.length; i++) {
        const [x, y] = line[i - 1], dx = line[i][0] - x, dy = line[i][1] - y;
        const along = Math.max(0, Math.min(1, -(x * dx + y * dy) / (dx * dx + dy * dy || 1)));
        least = Math.min(least, Math.hypot(x + along * dx, y + along * dy));
      }
    }));
    return least;
  };
  /* degrees that a heading misses the patch by: 0 where some of it lies straight ahead */
  geo.misses = (at, heading, geometry) => {
    let left = Infinity, right = -Infinity;
    const centre = geo.middle(geometry), axis = geo.bearing(at, centre);
    geo.polygons(geometry).forEach((rings) => rings[0].forEach((p) => {
      const off = geo.apart(axis, geo.bearing(at, p));
      left = Math.min(left, off); right = Math.max(right, off);
    }));
    const off = geo.apart(axis, heading);
    return off < left ? left - off : off > right ? off - right : 0;
  };
  geo.middle = (geometry) => {
    let w = Infinity, s = Infinity, e = -Infinity, n = -Infinity;
    geo.polygons(geometry).forEach((rings) => rings[0].forEach(([x, y]) => { w = Math.min(w, x); e = Math.max(e, x); s = Math.min(s, y); n = Math.max(n, y); }));
    return [(w + e) / 2, (s + n) / 2];
  };
})();
