"use strict";
/* The cases by columns, which of them pass the filters, and the sums that are drawn. Where the page
   carries all cases, in one pass over them; else the server does the same sums and sends cases by page
   and by view. The order of the columns is that of the list. */
function gxCases(data) {
  const cases = data.cases, byNumber = new Map(cases.number.map((number, i) => [number, i]));
  const stageNumber = { FOUND: 0, RECTIFY: 1, CLOSED: 2 };
  const stage = data.statuses.map((s) => stageNumber[s.stage] ?? 3);
  const township = (i) => (cases.township[i] < 0 ? "" : data.townships[cases.township[i]][1]);
  const where = (i) => [data.counties[cases.county[i]][1], township(i), cases.village[i]].filter(Boolean).join(" ");
  const late = (i) => cases.left[i] !== null && cases.left[i] < 0;
  const index = (list, key) => { const n = list.findIndex((one) => (Array.isArray(one) ? one[0] : one) === key); return n < 0 ? -2 : n; };

  /* which filters a case fails, as bits: a count on a control leaves its own filter out */
  const S = 1, D = 2, K = 4, M = 8, OD = 16, RL = 32, PBF = 64, Q = 128;
  let texts = null;
  function words(i) {
    if (!texts) texts = cases.number.map((number, n) => (number + " " + where(n)).toLowerCase());
    return texts[i];
  }
  function sifter(state) {
    const q = state.q.trim().toLowerCase(), s = state.s in stageNumber ? stageNumber[state.s] : -1;
    const status = s < 0 && state.s ? data.statuses.findIndex((one) => one.key === state.s) : -1;
    const county = index(data.counties, state.d), inner = index(data.townships, state.d), park = index(data.parks, state.d);
    const kind = index(data.kinds, state.k), month = index(data.months, state.m), first = data.window[0] || "";
    return (i) => {
      let bits = 0;
      const at = stage[cases.status[i]];
      if (s >= 0 ? at !== s : state.s ? cases.status[i] !== status : at === 3) bits |= S;
      if (state.d && cases.county[i] !== county && cases.township[i] !== inner && (park < 0 || parkOf(i) !== park)) bits |= D;
      if (state.k && cases.kind[i] !== kind) bits |= K;
      if (state.m && (state.m === "earlier" ? data.months[cases.month[i]] >= first : cases.month[i] !== month)) bits |= M;
      if (state.od && !late(i)) bits |= OD;
      if (state.rl && !cases.relapses[i]) bits |= RL;
      if (state.pbf && (state.pbf === "1") !== cases.basic[i] > 0) bits |= PBF;
      if (q && !words(i).includes(q)) bits |= Q;
      return bits;
    };
  }
  const parkOf = (i) => (cases.township[i] < 0 ? -1 : data.parkOf[cases.township[i]]);

  /* [unit, cases, found, rectify, closed, overdue] of each unit that has any; rings with their middle */
  const add = (groups, unit, at, over, i) => {
    let sum = groups.get(unit);
    if (!sum) groups.set(unit, (sum = [unit, 0, 0, 0, 0, 0, 0, 0]));
    sum[1]++;
    if (at < 3) sum[2 + at]++;
    if (over) sum[5]++;
    if (i >= 0) { sum[6] += cases.lat[i]; sum[7] += cases.lon[i]; }
  };
  const listed = (groups) => [...groups.values()].sort((a, b) => a[0] - b[0]).map((sum) => sum.slice(0, 6));
  const placed = (groups) => [...groups.values()].sort((a, b) => a[0] - b[0])
    .map((sum) => [...sum.slice(0, 6), Math.floor(sum[6] / sum[1]), Math.floor(sum[7] / sum[1])]);
  function sums(state) {
    const bitsOf = sifter(state), visible = [], thisMonth = data.months.indexOf(data.month);
    const stages = [0, 0, 0], status = data.statuses.map(() => 0), month = [0, 0, 0, 0];
    const months = new Map(), units = [new Map(), new Map(), new Map()], rings = [new Map(), new Map()];
    let area = 0, over = 0, longest = 0, again = 0, dismissed = 0, dates = false;
    for (let i = 0, n = cases.number.length; i < n; i++) {
      const bits = bitsOf(i), at = stage[cases.status[i]], left = cases.left[i], isLate = left !== null && left < 0;
      if (left !== null) dates = true;
      if (at === 3) dismissed++;
      if (bits === 0) {
        visible.push(i);
        area += cases.area[i];
        add(rings[0], cases.county[i], at, isLate, i);
        add(rings[1], cases.township[i], at, isLate, i);
      }
      if (!(bits & ~S)) { status[cases.status[i]]++; if (at < 3) stages[at]++; }
      if (isLate && !(bits & ~OD)) { over++; if (-left > longest) longest = -left; }
      if (cases.relapses[i] && !(bits & ~RL)) again++;
      if (!(bits & ~M)) {
        add(months, cases.month[i], at, isLate, -1);
        if (cases.month[i] === thisMonth) { month[0]++; month[1] += cases.basic[i]; }
        if (data.month && cases.closed[i] === data.month) { month[2]++; month[3] += cases.restored[i]; }
      }
      if (at < 3 && !(bits & ~(S | D))) {
        add(units[0], cases.county[i], at, isLate, -1);
        add(units[1], cases.township[i], at, isLate, -1);
        add(units[2], parkOf(i), at, isLate, -1);
      }
    }
    return { visible, sums: {
      count: visible.length, area, stages, status, late: over, longest, again, dismissed, dates, month, months: listed(months),
      units: { county: listed(units[0]), township: listed(units[1]), park: listed(units[2]) },
      rings: { county: placed(rings[0]), township: placed(rings[1]) },
    } };
  }

  /* the same from the server: its cases are put behind those already here */
  function take(columns) {
    return columns.number.map((number, n) => {
      let i = byNumber.get(number);
      if (i === undefined) byNumber.set(number, (i = cases.number.length));
      for (const key of Object.keys(cases)) cases[key][i] = columns[key][n];
      return i;
    });
  }
  const query = (state, more) => {
    const given = new URLSearchParams();
    for (const key of ["d", "s", "k", "m", "od", "rl", "pbf", "q"]) if (state[key]) given.set(key, state[key]);
    for (const [key, value] of Object.entries(more)) given.set(key, value);
    return given.toString();
  };
  let turn = 0, viewTurn = 0, now = null, failed = () => {};
  const fetched = (address, then) => fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" })
    .then((answer) => { if (!answer.ok) throw new Error(String(answer.status)); return answer.json(); }).then(then).catch(() => failed());
  function received(answer) {
    const got = take(answer.cases);
    return { sums: answer.sums, visible: got.slice(0, answer.listed), at: answer.at };
  }
  function ask(state, done) {
    if (!data.more) {
      const { visible, sums: summed } = sums(state), chosen = byNumber.get(state.sel);
      now = { sums: summed, visible, at: chosen === undefined ? null : visible.indexOf(chosen) };
      return done(now);
    }
    const mine = ++turn;
    if (data.first) { now = received(data.first); data.first = null; return done(now); }
    fetched(`${data.more.totals}?${query(state, state.sel ? { sel: state.sel } : {})}`, (answer) => { if (mine === turn) done((now = received(answer))); });
  }
  function more(state, wanted, done) {
    if (!data.more || now.visible.length >= Math.min(wanted, now.sums.count)) return done();
    const mine = turn, from = now.visible.length;
    fetched(`${data.more.cases}?${query(state, { from, n: wanted - from })}`, (answer) => {
      if (mine !== turn || now.visible.length !== from) return;
      now.visible.push(...take(answer.cases));
      done();
    });
  }
  function inView(state, box, most, done) {
    if (!data.more) {
      const inside = [], [west, south, east, north] = box.map((v) => v * 1e5);
      for (const i of now.visible) if (cases.lon[i] >= west && cases.lon[i] <= east && cases.lat[i] >= south && cases.lat[i] <= north) inside.push(i);
      return done(inside.slice(0, most), Math.max(0, inside.length - most));
    }
    const mine = ++viewTurn;
    fetched(`${data.more.cases}?${query(state, { bbox: box.map((v) => v.toFixed(5)).join(","), n: most })}`, (answer) => {
      if (mine === viewTurn) done(take(answer.cases), answer.total - answer.cases.number.length);
    });
  }
  return { cases, byNumber, where, late, ask, more, inView, leave: () => { viewTurn++; }, onFailure: (f) => { failed = f; }, remote: Boolean(data.more) };
}
