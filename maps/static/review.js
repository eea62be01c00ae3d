/* Photos on the map of a review: a numbered point and a cone where the camera looked. Filled: it counts. */
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("gx-photos").textContent);
  var map = window[data.map];
  if (!map) { return; }
  map.createPane("gx-photos").style.zIndex = 620;
  var markers = {};
  data.photos.forEach(function (photo) {
    var colour = photo.counts ? "#0b7450" : "#b4460b";
    if (photo.heading !== null) {
      var reach = 0.00022, points = [[photo.lat, photo.lon]];
      for (var turn = -25; turn <= 25; turn += 10) {
        var angle = (photo.heading + turn) * Math.PI / 180;
        points.push([photo.lat + reach * Math.cos(angle), photo.lon + reach * Math.sin(angle) / Math.cos(photo.lat * Math.PI / 180)]);
      }
      L.polygon(points, { pane: "gx-photos", color: "#fff", weight: 1.5, fillColor: colour, fillOpacity: photo.counts ? 0.7 : 0.25, interactive: false }).addTo(map);
    }
    var text = document.createElement("span");
    text.textContent = photo.n;
    markers[photo.n] = L.marker([photo.lat, photo.lon], {
      pane: "gx-photos", keyboard: false, interactive: false,
      icon: L.divIcon({ className: "gx-cone" + (photo.counts ? "" : " gx-cone-out"), html: text, iconSize: [28, 28] })
    }).addTo(map);
  });
  document.querySelectorAll("[data-photo]").forEach(function (button) {
    var marker = markers[button.dataset.photo];
    if (!marker) { button.disabled = true; return; }
    button.addEventListener("click", function () {
      Object.keys(markers).forEach(function (n) { markers[n].getElement().classList.remove("gx-cone-on"); });
      marker.getElement().classList.add("gx-cone-on");
      if (!map.getBounds().contains(marker.getLatLng())) { map.panTo(marker.getLatLng()); }
      document.getElementById("gx-map").scrollIntoView({ block: "nearest" });
    });
  });
})();
