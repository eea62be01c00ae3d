"use strict";
/* Cases on the map: every case up to 60; above that one ring a county, one a township, then what
   is in view. Needs Leaflet and the base map; knows nothing of filters. */
function gxMapView(map, data, on) {
  const SINGLE = 60, COUNTY_BELOW = 9.2, TOWNSHIP_BELOW = 12, MOST = 400;
  const words = data.words, cases = data.cases;
  const layer = L.layerGroup().addTo(map);
  const drawn = new Map();
  const escapeHtml = (text) => String(text).replace(/[&<>"'`]/g, (c) => "&#" + c.charCodeAt(0) + ";");
  const say = (text, fields) => text.replace(/\{(\w+)\}/g, (all, key) => (key in fields ? fields[key] : all));
  let rows = [], chosen = null, lit = null, placed = false;

  L.control.zoom({ position: "topright", zoomInTitle: words.zoomIn, zoomOutTitle: words.zoomOut }).addTo(map);
  L.control.attribution({ position: "bottomright", prefix: false }).addAttribution(escapeHtml(data.attribution)).addTo(map);
  L.control.scale({ position: "bottomright", metric: true, imperial: false, maxWidth: 90 }).addTo(map);
  map.getContainer().setAttribute("aria-label", words.mapList);
  map.getContainer().setAttribute("role", "group");

  const place = (i) => [cases.lat[i] / 1e5, cases.lon[i] / 1e5];
  const late = (i) => cases.left[i] !== null && cases.left[i] < 0;

  function glyph(i, size) {
    const status = data.statuses[cases.status[i]], over = late(i), again = cases.relapses[i] > 0;
    const label = [status.text].concat(over ? [words.late] : [], again ? [words.relapsed] : []).join(words.comma);
    return `<svg class="gx-glyph" width="${size}" height="${size}" viewBox="0 0 32 32" role="img" aria-label="${escapeHtml(label)}">` +
      (over ? status.late + data.badges.overdue : status.plain) + (again ? data.badges.relapse : "") + "</svg>";
  }

  function statusGlyph(key, size) {
    const status = data.statuses.find((s) => s.key === key);
    return `<svg class="gx-glyph" width="${size}" height="${size}" viewBox="0 0 32 32" aria-hidden="true">${status.plain}</svg>`;
  }

  const at = (r, turn) => [Math.sin(turn * 2 * Math.PI) * r, -Math.cos(turn * 2 * Math.PI) * r].map((v) => v.toFixed(2)).join(" ");
  function sector(inner, outer, from, to) {
    if (to - from > 0.9999) {
      return `M${at(outer, 0)}A${outer} ${outer} 0 1 1 ${at(outer, 0.5)}A${outer} ${outer} 0 1 1 ${at(outer, 0)}` +
        `M${at(inner, 0)}A${inner} ${inner} 0 1 0 ${at(inner, 0.5)}A${inner} ${inner} 0 1 0 ${at(inner, 0)}`;
    }
    const big = to - from > 0.5 ? 1 : 0;
    return `M${at(outer, from)}A${outer} ${outer} 0 ${big} 1 ${at(outer, to)}L${at(inner, to)}A${inner} ${inner} 0 ${big} 0 ${at(inner, from)}z`;
  }
  /* found, rectify, closed from 12 o'clock clockwise; the finished part is pale with a border */
  function ring(sum, size, text) {
    const outer = size / 2 - 1, inner = outer - Math.max(5, size * 0.15), all = sum.found + sum.rectify + sum.closed || 1;
    const a = sum.found / all, b = a + sum.rectify / all, gap = Math.min(0.006, 0.2 / outer);
    let shapes = `<circle r="${outer + 1}" fill="#fff"/>`;
    if (sum.found) shapes += `<path class="gx-ring-found" d="${sector(inner, outer, 0, sum.found === all ? 1 : a - gap)}" fill="#b4460b"/>`;
    if (sum.rectify) {
      const to = sum.rectify === all ? 1 : b - gap, middle = (inner + outer) / 2;
      shapes += `<path class="gx-ring-rectify" d="${sector(inner, outer, a, to)}" fill="#0b5fa5"/>` +
        `<circle r="${middle.toFixed(2)}" fill="none" stroke="#3f8bcb" stroke-width="${(outer - inner).toFixed(2)}" pathLength="360" transform="rotate(${(-90 + a * 360).toFixed(1)})" stroke-dasharray="${stripes((to - a) * 360, middle)}"/>`;
    }
    if (sum.closed) shapes += `<path class="gx-ring-closed" d="${sector(inner + 0.7, outer - 0.7, sum.closed === all ? 0 : b, 1)}" fill="#d3ecdf" stroke="#0b7450" stroke-width="1.5"/>`;
    if (text) shapes += `<text y="${size * 0.115 + 1}" text-anchor="middle" font-size="${Math.max(13, size * 0.26).toFixed(0)}" font-weight="700" fill="#14201a">${escapeHtml(text)}</text>`;
    if (sum.late) {
      const badge = sum.late > 99 ? "99+" : String(sum.late), w = 9 + badge.length * 7;
      shapes += `<g transform="translate(${(outer * 0.78).toFixed(1)} ${(-outer * 0.78).toFixed(1)})"><rect x="${-w / 2}" y="-8.5" width="${w}" height="17" rx="8.5" fill="#a1123f" stroke="#fff"/><text y="4.4" text-anchor="middle" font-size="12" font-weight="700" fill="#fff">${badge}</text></g>`;
    }
    return `<svg width="${size}" height="${size}" viewBox="${-size / 2} ${-size / 2} ${size} ${size}" aria-hidden="true">${shapes}</svg>`;
  }
  function stripes(span, radius) {
    const step = 540 / radius, list = [];
    for (let at = step * 0.6; at + step * 0.4 < span; at += step) list.push((step * 0.6).toFixed(2), (step * 0.4).toFixed(2));
    return list.length ? `0 ${list.join(" ")} 360` : "0 360";
  }

  /* Pins that were drawn are kept, in the page or beside it: to build one takes ten times as long as
     to show it again. Leaflet moves all of them, so only so many are kept. */
  const KEPT = 2 * MOST;
  const pins = new Map();
  let keptFocusable = false;
  function showPins(wanted, focusable) {
    if (focusable !== keptFocusable || pins.size > KEPT) dropPins();
    keptFocusable = focusable;
    const keep = new Set(wanted);
    for (const [i, marker] of pins) if (!keep.has(i)) { marker.getElement().remove(); marker.getElement().classList.remove("gx-lit"); }
    let after = null;
    for (const i of [...wanted].reverse()) { // in the list's order, for those who come by Tab
      if (!pins.has(i)) pins.set(i, pin(i, focusable));
      const marker = pins.get(i), element = marker.getElement(), pane = map.getPane("markerPane");
      if (element.parentNode !== pane || (focusable && element.nextSibling !== after)) pane.insertBefore(element, after);
      if (element.classList.contains("gx-chosen") !== (i === chosen)) {
        element.classList.toggle("gx-chosen", i === chosen);
        marker.setZIndexOffset(above(i));
      }
      drawn.set(i, element);
      after = element;
    }
  }
  function dropPins() { pins.forEach((marker) => marker.remove()); pins.clear(); }
  const above = (i) => (i === chosen ? 2000 : late(i) ? 500 : 0);

  function pin(i, focusable) {
    const size = 30, number = cases.number[i];
    const icon = L.divIcon({ html: glyph(i, size), iconSize: [size, size], className: "gx-pin" + (i === chosen ? " gx-chosen" : "") });
    const marker = L.marker(place(i), { icon, keyboard: focusable, riseOnHover: true, zIndexOffset: above(i) });
    marker.on("click keypress", (e) => { if (!e.originalEvent || e.type === "click" || e.originalEvent.key === "Enter") on.press(i); });
    marker.on("mouseover", () => on.hover(i)).on("mouseout", () => on.hover(null));
    marker.addTo(map);
    const element = marker.getElement();
    element.dataset.case = number;
    element.setAttribute("aria-label", say(words.label, { number, label: element.firstChild.getAttribute("aria-label"), place: on.where(i) }));
    if (focusable) { element.addEventListener("focus", () => on.hover(i)); element.addEventListener("blur", () => on.hover(null)); }
    return marker;
  }

  function sums(key) {
    const found = new Map();
    for (const i of rows) {
      const unit = cases[key][i];
      let sum = found.get(unit);
      if (!sum) found.set(unit, (sum = { found: 0, rectify: 0, closed: 0, late: 0, n: 0, lat: 0, lon: 0, members: [] }));
      const stage = data.statuses[cases.status[i]].stage;
      if (stage === "FOUND") sum.found++; else if (stage === "RECTIFY") sum.rectify++; else if (stage === "CLOSED") sum.closed++;
      if (late(i)) sum.late++;
      sum.n++; sum.lat += cases.lat[i]; sum.lon += cases.lon[i]; sum.members.push(i);
    }
    return found;
  }
  function rings(key, units) {
    for (const [unit, sum] of sums(key)) {
      const known = units[unit] || ["", words.noTownship, null, null, null];
      const where = known[2] === null ? [sum.lat / sum.n / 1e5, sum.lon / sum.n / 1e5] : [known[2], known[3]];
      const size = Math.round(Math.min(66, (key === "county" ? 44 : 32) + Math.log10(sum.n + 1) * 9)), count = String(sum.n);
      const name = key === "county" ? "" : `<span class="gx-ring-name" lang="zh-CN">${escapeHtml(known[1])}</span>`;
      const icon = L.divIcon({ html: ring(sum, size, count) + name, iconSize: [size, size], className: "gx-ring" });
      const marker = L.marker(where, { icon, keyboard: false, riseOnHover: true }).addTo(layer);
      const element = marker.getElement();
      element.dataset.unit = known[0];
      element.dataset.count = count;
      element.setAttribute("role", "img");
      const stages = ["FOUND", "RECTIFY", "CLOSED"].map((s, n) => `${data.stages[s]} ${[sum.found, sum.rectify, sum.closed][n]}`).join(words.comma);
      element.setAttribute("aria-label", say(words.ringLabel, { name: known[1], n: sum.n, stages, o: sum.late }));
      marker.on("click", () => zoomTo(known[4], sum, key));
      sum.members.forEach((i) => drawn.set(i, element));
    }
  }
  function zoomTo(bounds, sum, key) {
    const box = L.latLngBounds(sum.members.map(place));
    if (bounds) box.extend([bounds[0], bounds[1]]).extend([bounds[2], bounds[3]]);
    const least = key === "county" ? COUNTY_BELOW : TOWNSHIP_BELOW;
    const zoom = Math.max(least, Math.min(map.getBoundsZoom(box, false, L.point(24, 24)), 15));
    move(box.getCenter(), zoom);
  }
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  function move(center, zoom) { map.setView(center, zoom, { animate: !still.matches }); }

  /* few cases: all of them, at every zoom */
  function draw() {
    if (!placed || !map.getSize().x) return;
    layer.clearLayers(); drawn.clear();
    const zoom = map.getZoom();
    let beyond = 0, single = [];
    if (rows.length <= SINGLE) single = rows;
    else if (zoom < COUNTY_BELOW && data.counties.length > 1) rings("county", data.counties);
    else if (zoom < TOWNSHIP_BELOW) rings("township", data.townships);
    else {
      const view = map.getBounds().pad(0.05);
      const inside = rows.filter((i) => view.contains(place(i)));
      single = inside.slice(0, MOST);
      beyond = Math.max(0, inside.length - MOST);
    }
    if (chosen !== null && !single.includes(chosen)) single = [...single, chosen];
    showPins(single, rows.length <= SINGLE);
    light(lit);
    on.beyond(beyond);
  }
  function light(i) {
    const before = drawn.get(lit);
    if (before) before.classList.remove("gx-lit");
    lit = i;
    const now = i === null ? null : drawn.get(i);
    if (now) now.classList.add("gx-lit");
  }
  function fit() {
    placed = true;
    map.fitBounds(L.latLngBounds(data.bounds), { padding: [14, 14], maxZoom: 15, animate: false });
  }
  function show(i, closer) {
    if (!map.getSize().x) return;
    if (closer) move(place(i), Math.max(map.getZoom(), 14));
    else if (!map.getBounds().pad(-0.05).contains(place(i))) map.panTo(place(i), { animate: !still.matches });
  }
  map.on("moveend", () => { draw(); on.moved(map.getCenter(), map.getZoom()); });
  return {
    glyph, statusGlyph, late, say, escapeHtml, ring, light, fit, show, draw,
    set(visible, selected) { rows = visible; chosen = selected; draw(); },
    resized() { map.invalidateSize({ animate: false }); },
    fitBox(box) { map.fitBounds([[box[0], box[1]], [box[2], box[3]]], { padding: [14, 14], maxZoom: 15, animate: false }); },
    goto(lat, lon, zoom) { placed = true; map.setView([lat, lon], zoom, { animate: false }); },
  };
}
