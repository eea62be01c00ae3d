/* The map of the field page: image chips, the patch in yellow on ink, parcels, corners, the own place. North is up. */
(function () {
  "use strict";
  const gx = window.gxField;
  const fieldMap = (gx.map = {});
  let map = null, chip = null, parcels = null, patch = null, corners = null, me = null, mark = null, shown = null, placing = false, touched = false;
  const still = window.matchMedia && matchMedia("(prefers-reduced-motion: reduce)").matches;
  const ll = (p) => [p[1], p[0]];

  fieldMap.draw = (theCase, part) => {
    if (!window.L) { return; }
    const box = gx.$("map");
    if (!map) {
      map = L.map(box, { zoomControl: false, attributionControl: false, maxZoom: 21, minZoom: 12, zoomSnap: 0.25, fadeAnimation: false, zoomAnimation: !still, inertia: !still, keyboardPanDelta: 60 });
      L.control.scale({ imperial: false, position: "bottomleft", maxWidth: 90 }).addTo(map);
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", gx.t("find.map"));
      map.on("click", (event) => { if (placing) { set([event.latlng.lng, event.latlng.lat]); } });
      ["pointerdown", "wheel", "keydown"].forEach((name) => box.addEventListener(name, () => { touched = true; }, { passive: true }));
      new ResizeObserver(() => { if (!box.offsetWidth) { return; } if (touched || !shown) { map.invalidateSize({ animate: false, pan: true }); } else { home(shown.part); } }).observe(box);
      ["chip", "parcels", "patch", "route", "me"].forEach((name, n) => { map.createPane("gx-" + name).style.zIndex = 300 + n * 20; });
    }
    [parcels, patch, corners, chip, me].forEach((layer) => { if (layer) { layer.remove(); } });
    me = null; chip = null;
    if (!box.offsetWidth) { shown = null; return; }
    touched = false;
    home(part);
    parcels = L.geoJSON({ type: "FeatureCollection", features: (theCase.parcels || []).map((p) => ({ type: "Feature", properties: p, geometry: p.geometry })) }, {
      pane: "gx-parcels", interactive: false, style: { color: "#fff", weight: 2, dashArray: "5 4", fill: false },
    });
    if (!shown || shown.parcels !== false) { parcels.addTo(map); }
    const line = { type: "Feature", properties: {}, geometry: part.geometry };
    patch = L.layerGroup([[7, "#14201a"], [3.5, "#ffe000"]].map(([weight, color]) => L.geoJSON(line, { pane: "gx-patch", interactive: false, style: { color, weight, fill: false, lineJoin: "round" } }))).addTo(map);
    shown = { theCase, part, chip: newest(theCase), parcels: !shown || shown.parcels !== false };
    put();
    list();
    fieldMap.here();
  };
  const newest = (theCase) => (theCase.chips || []).slice().sort((a, b) => (a.day < b.day ? 1 : -1))[0] || null;

  function home(part) {
    map.invalidateSize({ animate: false });
    const here = gx.place.here();
    const bounds = L.geoJSON({ type: "Feature", properties: {}, geometry: part.geometry }).getBounds();
    const near = here && gx.geo.away([here.lon, here.lat], part.geometry) < 1500;
    map.fitBounds(near ? bounds.extend([here.lat, here.lon]) : bounds.pad(0.9), { animate: false, padding: [34, 40], maxZoom: 19 });
  }
  fieldMap.home = () => { touched = false; if (shown) { home(shown.part); } };
  fieldMap.toMe = () => { const here = gx.place.here(); if (map && here) { map.setView([here.lat, here.lon], Math.max(map.getZoom(), 17), { animate: !still }); } return !!here; };

  function put() {
    if (chip) { chip.remove(); chip = null; }
    const of = shown.chip;
    if (of) {
      const [w, s, e, n] = of.bounds;
      chip = L.imageOverlay(of.href, [[s, w], [n, e]], { pane: "gx-chip", interactive: false, alt: "" }).addTo(map);
    }
    plate();
  }
  function plate() {
    gx.write(gx.$("plate"), placing ? gx.t("find.tap_plate") : shown && shown.chip ? gx.t("find.image", { day: shown.chip.day }) : gx.t("find.no_image"));
  }
  function list() {
    const box = gx.$("layerlist"), now = shown;
    box.replaceChildren(
      ...(now.theCase.chips || []).map((one) => gx.el("label", {}, gx.el("input", { type: "radio", name: "gxf-chip", checked: one === now.chip, onchange: () => { now.chip = one; put(); } }), gx.t("find.image_of", { day: one.day, sensor: gx.either(one.sensor) }))),
      gx.el("label", {}, gx.el("input", { type: "checkbox", checked: now.parcels, onchange: (event) => { now.parcels = event.target.checked; if (now.parcels) { parcels.addTo(map); } else { parcels.remove(); } } }), gx.t("find.parcels")),
    );
  }

  /* own place: accuracy as a circle, heading as a cone, a dashed way to the patch */
  let cone = null;
  fieldMap.here = () => {
    if (!map || !shown) { return; }
    const here = placing ? null : gx.place.here();
    if (!here) { if (me) { me.remove(); me = null; } return; }
    if (!me && !touched) { home(shown.part); } /* the first fix: both ends of the way in view, until a hand moves the map */
    const at = [here.lat, here.lon], centre = shown.part.centre || gx.geo.middle(shown.part.geometry);
    if (!me) {
      cone = gx.el("path", { d: "M0 0L-21 -46A50 50 0 0 1 21 -46z", fill: "#1a66d6", "fill-opacity": "0.55" });
      const dot = gx.el("svg", { width: 110, height: 110, viewBox: "-55 -55 110 110", "aria-hidden": "true" });
      dot.append(cone, gx.el("circle", { r: 11.5, fill: "#fff" }), gx.el("circle", { r: 8, fill: "#1a66d6" }));
      me = L.layerGroup([
        L.circle(at, { radius: 1, pane: "gx-me", interactive: false, color: "#1a66d6", weight: 2, fillOpacity: 0.14 }),
        L.polyline([at, at], { pane: "gx-route", interactive: false, color: "#14201a", weight: 6 }),
        L.polyline([at, at], { pane: "gx-route", interactive: false, color: "#fff", weight: 3, dashArray: "8 7" }),
        L.marker(at, { pane: "gx-me", interactive: false, keyboard: false, icon: L.divIcon({ className: "gxf-me", html: dot, iconSize: [110, 110], iconAnchor: [55, 55] }) }),
      ]).addTo(map);
    }
    const [ring, under, over, dot] = me.getLayers(), heading = gx.place.heading(), inside = gx.geo.inside([here.lon, here.lat], shown.part.geometry);
    ring.setLatLng(at); ring.setRadius(here.accuracy_m || 1);
    under.setLatLngs(inside ? [] : [at, ll(centre)]); over.setLatLngs(inside ? [] : [at, ll(centre)]);
    dot.setLatLng(at);
    cone.setAttribute("visibility", heading ? "visible" : "hidden");
    if (heading) { cone.setAttribute("transform", "rotate(" + heading.deg.toFixed(1) + ")"); }
  };

  /* --- by hand: a cross that is tapped, dragged, or moved by the arrow keys --------------------------- */
  fieldMap.placing = (on) => {
    if (!map || !shown || placing === on) { return; }
    placing = on;
    gx.$("map").classList.toggle("is-placing", on);
    if (on) {
      const cross = gx.el("svg", { width: 64, height: 64, viewBox: "-32 -32 64 64", "aria-hidden": "true" });
      [["#14201a", 6], ["#fff", 3]].forEach(([stroke, width]) => cross.append(gx.el("circle", { r: 21, fill: "none", stroke, "stroke-width": width }), gx.el("path", { d: "M-31 0H31M0 -31V31", stroke, "stroke-width": width - 1 })));
      const here = gx.place.here();
      mark = L.marker(here ? [here.lat, here.lon] : map.getCenter(), { pane: "gx-me", draggable: true, keyboard: true, icon: L.divIcon({ className: "gxf-cross", html: cross, iconSize: [64, 64], iconAnchor: [32, 32] }) }).addTo(map);
      const node = mark.getElement();
      node.setAttribute("aria-label", gx.t("find.mark"));
      node.addEventListener("keydown", (event) => {
        const way = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
        if (!way) { return; }
        event.preventDefault(); event.stopPropagation();
        const step = event.shiftKey ? 20 : 2, at = mark.getLatLng();
        set(gx.geo.moved([at.lng, at.lat], way[0] * step, way[1] * step));
      });
      mark.on("drag dragend", () => gx.emit("mark"));
    } else if (mark) { mark.remove(); mark = null; }
    plate();
    fieldMap.here();
  };
  function set(lonlat) { if (mark) { mark.setLatLng(ll(lonlat)); gx.emit("mark"); } }
  fieldMap.marked = () => { if (!mark) { return null; } const at = mark.getLatLng(); return [at.lng, at.lat]; };
})();
