/* One case: swipe of two dates, strip of dates, labels, hatch. Folium has drawn chips and outlines. */
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("gx-case-data").textContent);
  var map = window[data.map];
  if (!map) { return; }
  var byId = {};
  data.scenes.forEach(function (scene) { byId[scene.id] = scene; });
  var bounds = L.latLngBounds([data.view[1], data.view[0]], [data.view[3], data.view[2]]);
  var frame = document.getElementById("gx-map");
  var knob = document.getElementById("gx-swipe");
  var line = frame.querySelector(".gx-swipe-line");
  var said = document.getElementById("gx-said");
  var chips = { before: null, after: null };
  var shown = { before: data.before, after: data.after };
  var share = 0.5;
  var side = "after";

  /* view: the chips cover the frame, so there is no blank margin beside them */
  function home() {
    map.invalidateSize({ animate: false });
    if (!map.getSize().x) { return; }
    var zoom = map.getBoundsZoom(bounds, true);
    map.setMinZoom(0);
    map.setView(bounds.getCenter(), zoom, { animate: false });
    map.setMinZoom(zoom - 0.75);
    map.setMaxBounds(bounds.pad(0.25));
  }
  map.eachLayer(function (layer) {
    if (layer instanceof L.ImageOverlay) { chips[layer.options.pane.slice(3)] = layer; }
  });
  home();
  halo();
  L.control.zoom({ position: "topright", zoomInTitle: zh("放大", "Zoom in"), zoomOutTitle: zh("缩小", "Zoom out") }).addTo(map);
  L.control.scale({ imperial: false, position: "bottomleft", maxWidth: 90 }).addTo(map);
  map.getContainer().setAttribute("aria-label", zh("地图：图斑边界、前后影像；数字见旁边各栏", "Map: boundary and imagery; the figures stand beside it"));
  map.getContainer().setAttribute("role", "region");
  hatch();
  map.on("zoomend moveend", function () { hatch(); thin(); });
  addEventListener("resize", function () { map.invalidateSize(); clip(); });
  labels();

  function zh(chinese, english) { return document.documentElement.lang.slice(0, 2) === "zh" ? chinese : english; }

  /* a white line under the dashes of basic farmland, from the same coordinates: sent once, drawn twice */
  function halo() {
    var found = [];
    map.eachLayer(function (layer) { if (layer.options.className === "gx-line-basic" && layer.eachLayer) { found.push(layer); } });
    found.forEach(function (layer) {
      L.geoJSON(layer.toGeoJSON(), { pane: "gx-basic", className: "gx-line-halo", interactive: false, smoothFactor: 0.5, style: { color: "#fff", weight: 3 } }).addTo(map).bringToBack();
    });
  }

  /* the hatch of basic farmland lives in the SVG that is filled with it */
  function hatch() {
    map.getContainer().querySelectorAll("path.gx-line-hatch").forEach(function (path) {
      var svg = path.ownerSVGElement;
      if (!svg.querySelector("#gx-hatch")) {
        svg.insertAdjacentHTML("afterbegin", '<defs><pattern id="gx-hatch" width="12" height="12" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="12" fill="#ffe58a"/></pattern></defs>');
      }
      path.setAttribute("fill", "url(#gx-hatch)");
      path.setAttribute("fill-opacity", "0.8");
    });
    map.getContainer().querySelectorAll("svg.leaflet-zoom-animated").forEach(function (svg) { svg.setAttribute("aria-hidden", "true"); });
  }

  function labels() {
    data.labels.forEach(function (label) {
      var text = document.createElement("span");
      text.textContent = label.text;
      L.marker([label.lat, label.lon], { icon: L.divIcon({ className: "gx-label", html: text, iconSize: null }), interactive: false, keyboard: false }).addTo(map);
    });
    thin();
  }

  /* of two labels that touch, or say the same side by side, the later one (the less important) is
     left out; so is one that the edge cuts */
  function thin() {
    var taken = [];
    var whole = frame.getBoundingClientRect();
    frame.querySelectorAll(".gx-plate, .leaflet-bar, .leaflet-control-scale").forEach(function (plate) { taken.push(plate.getBoundingClientRect()); });
    map.getContainer().querySelectorAll(".gx-label span").forEach(function (span) {
      span.style.visibility = "";
      var box = span.getBoundingClientRect();
      var inside = box.left >= whole.left && box.right <= whole.right && box.top >= whole.top && box.bottom <= whole.bottom;
      var free = inside && taken.every(function (other) {
        var gap = other.text === span.textContent ? 110 : 2;
        return box.right + gap < other.left || box.left - gap > other.right || box.bottom + gap < other.top || box.top - gap > other.bottom;
      });
      if (free) { taken.push({ text: span.textContent, left: box.left, right: box.right, top: box.top, bottom: box.bottom }); } else { span.style.visibility = "hidden"; }
    });
  }

  /* swipe: both panes are cut at the same line */
  function clip() {
    if (!knob) { return; }
    var size = map.getSize();
    var topLeft = map.containerPointToLayerPoint([0, 0]);
    var bottom = topLeft.y + size.y;
    var split = topLeft.x + size.x * share;
    cut("gx-before", topLeft.y, split, bottom, topLeft.x);
    cut("gx-after", topLeft.y, topLeft.x + size.x, bottom, split);
    knob.style.left = line.style.left = (100 * share) + "%";
    var now = Math.round(100 * share);
    knob.setAttribute("aria-valuenow", now);
    knob.setAttribute("aria-valuetext", byId[shown.before].day + " / " + byId[shown.after].day + zh("，", ", ") + knob.dataset.text.replace("{n}", now));
  }
  function cut(name, top, right, bottom, left) {
    map.getPane(name).style.clip = "rect(" + [top, right, bottom, left].map(function (v) { return Math.round(v) + "px"; }).join(",") + ")";
  }
  function move(to) { share = Math.min(1, Math.max(0, to)); clip(); }

  if (knob) {
    map.on("move zoom viewreset resize", clip);
    knob.addEventListener("pointerdown", function (event) {
      event.preventDefault();
      knob.focus({ preventScroll: true });
      knob.setPointerCapture(event.pointerId);
    });
    knob.addEventListener("pointermove", function (event) {
      if (!knob.hasPointerCapture(event.pointerId)) { return; }
      var box = frame.getBoundingClientRect();
      move((event.clientX - box.left) / box.width);
    });
    knob.addEventListener("keydown", function (event) {
      var to = { ArrowLeft: share - 0.02, ArrowDown: share - 0.02, ArrowRight: share + 0.02, ArrowUp: share + 0.02, PageDown: share - 0.1, PageUp: share + 0.1, Home: 0, End: 1 }[event.key];
      if (to === undefined) { return; }
      event.preventDefault();
      move(to);
    });
    clip();
  }

  /* dates: the pressed date takes the chosen side; if the other side shows it, the two change places */
  function put(which, id) {
    var scene = byId[id];
    shown[which] = id;
    if (chips[which]) {
      chips[which].setUrl(scene.href);
      chips[which].setBounds([[scene.bounds[1], scene.bounds[0]], [scene.bounds[3], scene.bounds[2]]]);
    } else {
      chips[which] = L.imageOverlay(scene.href, [[scene.bounds[1], scene.bounds[0]], [scene.bounds[3], scene.bounds[2]]], { pane: "gx-" + which, className: "gx-chip gx-chip-" + which }).addTo(map);
    }
    frame.querySelector('[data-day="' + which + '"]').textContent = scene.day;
    frame.querySelector('[data-note="' + which + '"]').textContent = scene.note;
  }
  function choose(id) {
    var other = side === "before" ? "after" : "before";
    if (shown[side] === id) { return; }
    if (shown[other] === id) { put(other, shown[side]); }
    put(side, id);
    tell();
  }
  function tell() {
    document.querySelectorAll(".gx-date").forEach(function (button) {
      var id = button.dataset.scene;
      var on = id === shown.before ? "before" : id === shown.after ? "after" : "";
      button.classList.toggle("gx-date-on", !!on);
      button.setAttribute("aria-pressed", String(!!on));
      button.querySelector("[data-tag]").textContent = on === "before" ? data.words[0] : on === "after" ? data.words[1] : "";
    });
    var usual = shown.before === data.before && shown.after === data.after;
    var reset = document.getElementById("gx-reset");
    if (reset) { reset.hidden = usual; }
    announce();
    said.textContent = data.words[0] + " " + (byId[shown.before] || {}).day + zh("，", ", ") + data.words[1] + " " + (byId[shown.after] || {}).day;
    clip();
    remember(usual);
  }
  /* what else draws on this map (static/case_around.js) hears which two dates are shown */
  function announce() {
    frame.dataset.before = shown.before || "";
    frame.dataset.after = shown.after || "";
    frame.dispatchEvent(new Event("gx-shown"));
  }
  function remember(usual) {
    try {
      history.replaceState(null, "", usual ? location.pathname + location.search : "#b=" + shown.before + "&a=" + shown.after);
    } catch (refused) { /* some browsers refuse this for files; the page works without */ }
  }
  function usable(id) { return byId[id] && byId[id].href && byId[id].usable; }

  document.querySelectorAll(".gx-date").forEach(function (button) {
    button.addEventListener("click", function () {
      if (button.getAttribute("aria-disabled") !== "true") { choose(button.dataset.scene); }
    });
  });
  document.querySelectorAll("[data-side]").forEach(function (button) {
    button.addEventListener("click", function () {
      side = button.dataset.side;
      document.querySelectorAll("[data-side]").forEach(function (one) { one.setAttribute("aria-pressed", String(one === button)); });
    });
  });
  var reset = document.getElementById("gx-reset");
  if (reset) {
    reset.addEventListener("click", function () {
      put("before", data.before);
      put("after", data.after);
      tell();
      document.querySelector("[data-side]").focus();
    });
  }
  var asked = /[#&]b=([^&]+)&a=([^&]+)/.exec(location.hash);
  if (knob && asked && usable(asked[1]) && usable(asked[2])) {
    put("before", asked[1]);
    put("after", asked[2]);
  }
  if (knob) { tell(); } else { announce(); }
})();
