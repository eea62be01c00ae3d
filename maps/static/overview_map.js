"use strict";
/* Cases on the map: every case up to 60; above that one ring a county, one a township, then what
   is in view. Needs Leaflet and the base map; what passes the filters is told by `gxCases`. */
function gxMapView(map, data, store, on) {
  const { few: FEW, most: MOST } = data.limits, COUNTY_BELOW = 9.2, TOWNSHIP_BELOW = 12;
  const words = data.words, cases = data.cases, late = store.late;
  const STAGES = ["FOUND", "RECTIFY", "CLOSED"];
  const drawn = new Map();
  const escapeHtml = (text) => String(text).replace(/[&<>"'`]/g, (c) => "&#" + c.charCodeAt(0) + ";");
  const say = (text, fields) => text.replace(/\{(\w+)\}/g, (all, key) => (key in fields ? fields[key] : all));
  let now = null, state = null, chosen = null, lit = null, placed = false, level = null;
  const ringOf = new Map();

  L.control.zoom({ position: "topright", zoomInTitle: words.zoomIn, zoomOutTitle: words.zoomOut }).addTo(map);
  L.control.attribution({ position: "bottomright", prefix: false }).addAttribution(escapeHtml(data.attribution)).addTo(map);
  L.control.scale({ position: "bottomright", metric: true, imperial: false, maxWidth: 90 }).addTo(map);
  map.getContainer().setAttribute("aria-label", words.mapList);
  map.getContainer().setAttribute("role", "group");

  const place = (i) => [cases.lat[i] / 1e5, cases.lon[i] / 1e5];

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
    element.setAttribute("aria-label", say(words.label, { number, label: element.firstChild.getAttribute("aria-label"), place: store.where(i) }));
    if (focusable) { element.addEventListener("focus", () => on.hover(i)); element.addEventListener("blur", () => on.hover(null)); }
    return marker;
  }

  /* drawn as one piece of text, put in at once: a marker of Leaflet's for each takes three times as long */
  function rings(key, units) {
    level = key;
    ringOf.clear();
    const all = now.sums.rings[key].map(([unit, n, found, rectify, closed, o, lat, lon]) => {
      const known = units[unit] || ["", words.noTownship, null, null, null];
      const size = Math.round(Math.min(66, (key === "county" ? 44 : 32) + Math.log10(n + 1) * 9));
      const stages = [found, rectify, closed].map((count, at) => `${data.stages[STAGES[at]]} ${count}`).join(words.comma);
      const name = key === "county" ? "" : `<span class="gx-ring-name" lang="zh-CN">${escapeHtml(known[1])}</span>`;
      return { unit, known, size, at: known[2] === null ? [lat / 1e5, lon / 1e5] : [known[2], known[3]], html:
        `<div class="gx-ring" role="img" data-n="${unit}" data-unit="${escapeHtml(known[0])}" data-count="${n}" style="width:${size}px;height:${size}px;margin:${-size / 2}px 0 0 ${-size / 2}px"` +
        ` aria-label="${escapeHtml(say(words.ringLabel, { name: known[1], n, stages, o }))}">${ring({ found, rectify, closed, late: o }, size, String(n))}${name}</div>` };
    });
    ringLayer.show(all);
    all.forEach((one, n) => ringOf.set(one.unit, ringLayer.elements[n]));
  }
  function zoomTo(one) {
    const least = level === "county" ? COUNTY_BELOW : TOWNSHIP_BELOW, box = one.known[4];
    if (!box) return move(L.latLng(one.at), Math.max(least, map.getZoom() + 2));
    const bounds = L.latLngBounds([box[0], box[1]], [box[2], box[3]]);
    move(bounds.getCenter(), Math.max(least, Math.min(map.getBoundsZoom(bounds, false, L.point(24, 24)), 15)));
  }
  const RingLayer = L.Layer.extend({
    elements: [],
    onAdd(to) {
      this.box = L.DomUtil.create("div", "gx-rings leaflet-zoom-animated", to.getPane("markerPane"));
      L.DomEvent.on(this.box, "click", (event) => { const e = event.target.closest(".gx-ring"); if (e) zoomTo(this.all[this.elements.indexOf(e)]); });
    },
    show(all) {
      this.all = all;
      this.box.innerHTML = all.map((one) => one.html).join("");
      this.elements = [...this.box.children];
      this.settle();
    },
    settle() { L.DomUtil.setPosition(this.box, L.point(0, 0)); this.all.forEach((one, n) => this.put(n, map.latLngToLayerPoint(one.at))); },
    put(n, point) { this.elements[n].style.transform = `translate(${Math.round(point.x)}px,${Math.round(point.y)}px)`; this.elements[n].style.zIndex = Math.round(point.y); },
    clear() { this.all = []; this.elements = []; if (this.box) this.box.innerHTML = ""; },
    getEvents() {
      return {
        viewreset: () => this.all && this.settle(),
        zoom: () => this.all && this.settle(),
        zoomanim: (e) => { if (this.all) this.all.forEach((one, n) => this.put(n, map._latLngToNewLayerPoint(L.latLng(one.at), e.zoom, e.center))); },
      };
    },
  });
  const ringLayer = new RingLayer().addTo(map);
  ringLayer.clear();
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  function move(center, zoom) { map.setView(center, zoom, { animate: !still.matches }); }

  /* few cases: all of them, at every zoom */
  function draw() {
    if (!now || !placed || !map.getSize().x) return;
    const zoom = map.getZoom(), is = now.sums.count <= FEW ? "few" : zoom < COUNTY_BELOW && data.counties.length > 1 ? "county" : zoom < TOWNSHIP_BELOW ? "township" : "";
    store.leave(); // an answer for a view that is left no longer matters
    if (is === "county" || is === "township") rings(is, is === "county" ? data.counties : data.townships);
    else { ringLayer.clear(); ringOf.clear(); level = null; }
    if (is) return singles(is === "few" ? now.visible : [], 0);
    const box = map.getBounds().pad(0.05);
    store.inView(state, [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()], MOST, singles);
  }
  function singles(list, beyond) {
    drawn.clear();
    showPins(chosen !== null && !list.includes(chosen) ? [...list, chosen] : list, now.sums.count <= FEW);
    light(lit);
    on.beyond(beyond);
  }
  const elementOf = (i) => (i === null ? null : drawn.get(i) || (level && ringOf.get(cases[level][i])));
  function light(i) {
    const before = elementOf(lit);
    if (before) before.classList.remove("gx-lit");
    lit = i;
    const at = elementOf(i);
    if (at) at.classList.add("gx-lit");
  }
  function fit() {
    const first = !placed && map.gxFitted.x && map.gxFitted.equals(map.getSize());
    placed = true;
    if (first) return draw(); // Folium's script has done it
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
    set(answer, selected, given) { now = answer; chosen = selected; state = given; draw(); },
    resized() { map.invalidateSize({ animate: false }); },
    fitBox(box) { map.fitBounds([[box[0], box[1]], [box[2], box[3]]], { padding: [14, 14], maxZoom: 15, animate: false }); },
    goto(lat, lon, zoom) { placed = true; map.setView([lat, lon], zoom, { animate: false }); },
  };
}
