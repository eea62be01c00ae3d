/* Where the phone is and where it looks: position by watchPosition or by hand, heading by the compass or by hand.
   Headings are kept from true north: magnetic + declination of the office. */
(function () {
  "use strict";
  const gx = window.gxField;
  const PATIENCE_MS = 30000, HEADING_MS = 400, OLD_S = 15;
  const place = (gx.place = {
    status: "off", /* off | waiting | live | none | refused | basic */
    fix: null, hand: null, declination: 0, compass: "off", /* off | ask | silent | live | refused | none */
  });
  let watch = null, timer = null, readings = [], accuracy = null, handHeading = null;

  const changed = () => gx.emit("place", place);

  /* --- position --------------------------------------------------------------------------------------- */
  place.start = () => {
    if (!window.isSecureContext || !navigator.geolocation) { place.status = "basic"; changed(); return; }
    stop();
    if (place.status !== "live") { place.status = "waiting"; }
    wait();
    watch = navigator.geolocation.watchPosition(got, failed, { enableHighAccuracy: true, maximumAge: 2000, timeout: PATIENCE_MS });
    changed();
  };
  place.wait = () => { place.hand = null; place.status = "waiting"; place.start(); };
  function stop() {
    if (watch !== null) { navigator.geolocation.clearWatch(watch); watch = null; }
    clearTimeout(timer);
  }
  function wait() {
    clearTimeout(timer);
    timer = setTimeout(() => { if (place.status === "waiting") { place.status = "none"; changed(); } }, PATIENCE_MS);
  }
  function got(position) {
    const c = position.coords;
    place.fix = { lon: c.longitude, lat: c.latitude, accuracy_m: c.accuracy, at: position.timestamp || Date.now() };
    place.status = "live";
    changed();
  }
  function failed(error) {
    /* on http the code is 1 as well, but isSecureContext was asked first */
    if (error.code === 1) { place.status = "refused"; place.fix = null; stop(); }
    else if (place.status !== "live") { place.status = "none"; }
    changed();
  }
  place.setHand = (lonlat) => { place.hand = lonlat ? { lon: lonlat[0], lat: lonlat[1], at: Date.now() } : null; changed(); };

  /* --- heading ---------------------------------------------------------------------------------------- */
  /* iOS gives the compass only after a question inside a press; others have the question and answer without it */
  place.needsPress = () => typeof DeviceOrientationEvent !== "undefined" && typeof DeviceOrientationEvent.requestPermission === "function";
  place.startCompass = () => {
    if (typeof DeviceOrientationEvent === "undefined") { place.compass = "none"; }
    else {
      if (place.compass !== "live") { place.compass = place.needsPress() ? "ask" : "silent"; }
      /* Chrome on Android has its own event for absolute angles; Firefox says absolute in the plain one; Safari gives webkitCompassHeading */
      window.addEventListener("deviceorientationabsolute", turned);
      window.addEventListener("deviceorientation", turned);
    }
    changed();
  };
  place.askCompass = async () => {
    let answer = "denied";
    try { answer = await DeviceOrientationEvent.requestPermission(); } catch (_) { /* not in a press, or refused */ }
    if (place.compass !== "live") { place.compass = answer === "granted" ? "silent" : "refused"; }
    changed();
  };
  function turned(event) {
    const screenAngle = (screen.orientation && screen.orientation.angle) || 0;
    let magnetic;
    if (typeof event.webkitCompassHeading === "number" && event.webkitCompassHeading >= 0) {
      magnetic = event.webkitCompassHeading + screenAngle;
      accuracy = event.webkitCompassAccuracy > 0 ? event.webkitCompassAccuracy : event.webkitCompassAccuracy < 0 ? 90 : null;
    } else if (typeof event.alpha === "number" && (event.type === "deviceorientationabsolute" || event.absolute === true)) {
      magnetic = facing(event.alpha, event.beta || 0, event.gamma || 0, screenAngle);
    } else { return; }
    const at = performance.now();
    place.compass = "live";
    readings.push({ deg: gx.geo.turn(magnetic + place.declination), at });
    readings = readings.filter((r) => at - r.at <= 1500);
    changed();
  }
  /* Held up, the way the rear camera looks (W3C Device Orientation, example of a compass heading); lying, the top of the screen */
  function facing(alpha, beta, gamma, screenAngle) {
    const r = Math.PI / 180, a = alpha * r, b = beta * r, g = gamma * r;
    const east = -Math.cos(a) * Math.sin(g) - Math.sin(a) * Math.sin(b) * Math.cos(g);
    const north = -Math.sin(a) * Math.sin(g) + Math.cos(a) * Math.sin(b) * Math.cos(g);
    if (Math.hypot(east, north) >= 0.5) { return Math.atan2(east, north) / r; }
    return 360 - alpha + screenAngle;
  }
  place.setHandHeading = (deg) => { handHeading = deg === null ? null : gx.geo.turn(deg); changed(); };
  /* {deg, accuracy, source: "phone" | "manual"} or null */
  place.heading = () => {
    if (readings.length) {
      const last = readings[readings.length - 1].at;
      const few = readings.filter((r) => last - r.at <= HEADING_MS);
      const [x, y] = mean(few);
      const spread = readings.length > 5 ? Math.sqrt(Math.max(0, -2 * Math.log(Math.min(1, Math.hypot(...mean(readings)))))) * 57.3 : 0;
      return { deg: gx.geo.turn(Math.atan2(y, x) * 57.29577951), accuracy: accuracy !== null ? accuracy : spread > 25 ? Math.round(spread) : null, source: "phone" };
    }
    return handHeading === null ? null : { deg: handHeading, accuracy: null, source: "manual" };
  };
  function mean(some) {
    const r = Math.PI / 180;
    return [some.reduce((t, s) => t + Math.cos(s.deg * r), 0) / some.length, some.reduce((t, s) => t + Math.sin(s.deg * r), 0) / some.length];
  }

  /* --- what a record says ------------------------------------------------------------------------------ */
  /* the place that counts now: by hand where it was set by hand, else the phone's */
  place.here = () => (place.hand ? { lon: place.hand.lon, lat: place.hand.lat, accuracy_m: null, age_s: 0, source: "manual" }
    : place.fix ? { lon: place.fix.lon, lat: place.fix.lat, accuracy_m: place.fix.accuracy_m, age_s: Math.max(0, Math.round((Date.now() - place.fix.at) / 1000)), source: "phone" } : null);
  place.isOld = (here) => here.age_s > OLD_S;
  /* position and heading in this very tick, as fields of a record */
  place.sample = (returned) => {
    const here = place.here(), heading = place.heading();
    return {
      lon: here ? here.lon : null, lat: here ? here.lat : null,
      accuracy_m: here && here.accuracy_m !== null ? Math.round(here.accuracy_m * 10) / 10 : null,
      position_age_s: here ? here.age_s : null,
      position_source: !here ? "none" : here.source === "manual" ? "manual" : returned ? "return" : "phone",
      heading_deg: heading ? Math.round(heading.deg * 10) / 10 : null,
      heading_source: heading ? heading.source : null,
      heading_accuracy_deg: heading ? heading.accuracy : null,
      declination_deg: heading && heading.source === "phone" ? place.declination : null,
    };
  };
  /* {distance, bearing, inside, near} of a part from here */
  place.toPart = (part) => {
    const here = place.here();
    if (!here) { return null; }
    const at = [here.lon, here.lat], distance = gx.geo.away(at, part.geometry);
    return { distance, inside: distance === 0, near: distance > 0 && distance <= (here.accuracy_m || 0), bearing: gx.geo.bearing(at, part.centre || gx.geo.middle(part.geometry)) };
  };
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && (place.status === "live" || place.status === "waiting" || place.status === "none")) { place.start(); }
  });
})();
