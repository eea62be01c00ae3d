/* The case in the portal: under the two chips, tiles of the same scenes, for ground beyond the chip and for
   pixels finer than it has. They lie in the panes that the swipe cuts. Nothing is asked for while the chip
   itself fills the frame. */
(function () {
  "use strict";
  var frame = document.getElementById("gx-map");
  var button = document.getElementById("gx-around");
  var map = window[JSON.parse(document.getElementById("gx-case-data").textContent).map];
  var scenes = JSON.parse(document.getElementById("gx-around-data").textContent);
  if (!map || !button || !map.options.maxBounds || !Object.keys(scenes).length) { return; }
  var near = { zoom: map.getMinZoom(), bounds: map.options.maxBounds };
  var far = { zoom: Math.max(0, near.zoom - 3), bounds: near.bounds.pad(2.5) };
  var layers = { before: null, after: null };
  var on = !/[?&]around=0(&|$)/.test(location.search);

  function chipOf(which) {
    var found = null;
    map.eachLayer(function (layer) { if (layer instanceof L.ImageOverlay && layer.options.pane === "gx-" + which) { found = layer; } });
    return found;
  }
  /* the map shows more of the scene than the chip has pixels for */
  function finer(chip, scene) {
    var bounds = chip.getBounds();
    var element = chip.getElement();
    var own = Math.log2(((element && element.naturalWidth) || 1024) * 360 / 256 / (bounds.getEast() - bounds.getWest()));
    return map.getZoom() > own + 0.25 && scene.deepest > own + 0.5;
  }
  function draw() {
    ["before", "after"].forEach(function (which) {
      var id = frame.dataset[which];
      var scene = scenes[id];
      var chip = chipOf(which);
      var over = !!(scene && chip) && finer(chip, scene);
      var wanted = on && scene && (!chip || over || !chip.getBounds().contains(map.getBounds()));
      var held = layers[which];
      if (held && (!wanted || held.id !== id)) { map.removeLayer(held.tiles); held = layers[which] = null; }
      if (wanted && !held) {
        held = layers[which] = { id: id, tiles: L.tileLayer("/tiles/" + id + "/{z}/{x}/{y}.webp", {
          pane: "gx-" + which, className: "gx-tiles gx-tiles-" + which, maxZoom: 21, maxNativeZoom: scene.deepest, zIndex: 0,
          bounds: [[scene.bounds[1], scene.bounds[0]], [scene.bounds[3], scene.bounds[2]]], keepBuffer: 1, updateWhenZooming: false, noWrap: true
        }).addTo(map) };
      }
      if (held) { held.tiles.setZIndex(over ? 2 : 0); }
    });
  }
  function reach() {
    var now = on ? far : near;
    button.setAttribute("aria-pressed", String(on));
    map.setMinZoom(now.zoom);
    map.setMaxBounds(now.bounds);
    draw();
  }
  button.addEventListener("click", function () {
    on = !on;
    var asked = new URLSearchParams(location.search);
    if (on) { asked.delete("around"); } else { asked.set("around", "0"); }
    var query = asked.toString();
    history.replaceState(null, "", location.pathname + (query ? "?" + query : "") + location.hash);
    reach();
  });
  frame.addEventListener("gx-shown", draw);
  map.on("moveend zoomend resize", draw);
  button.hidden = false;
  reach();
})();
