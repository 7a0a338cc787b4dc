"use strict";
// Draws the page's figures from the data in it, and lets tables and figures follow one choice of configurations.
// It builds elements from texts only (no innerHTML), so that a name can do nothing.

const D = JSON.parse(document.getElementById("data").textContent);
const C = D.configurations, R = D.runs, M = D.measure;
const TOLD = 4;  // chosen configurations that the panel names
const SHOWN = 10;  // lines in colour, and rows before the rest is folded
const DASHES = ["", "7 4", "2 3", "9 3 2 3", "12 4", "4 2 1 2 1 2", "1 4"];
const finite = (v) => v !== null && v !== undefined && Number.isFinite(v);
const colour = (c) => c < SHOWN ? `var(--c${c % 7})` : "var(--quiet)";
const value = (v) => !finite(v) ? "-" : M.percent ? `${(100 * v).toFixed(2)}` : plain(v);
const plain = (v) => { const s = Number(v).toPrecision(4); return s.includes("e") ? s : String(parseFloat(s)); };
const runsOf = C.map(() => []);
R.configuration.forEach((c, r) => runsOf[c].push(r));

const SVG = "http://www.w3.org/2000/svg";
function make(name, attributes = {}, ...inside) {
  const svg = ["svg", "g", "path", "line", "circle", "text", "rect", "polyline", "title", "style"].includes(name);
  const made = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, v] of Object.entries(attributes)) if (v !== undefined && v !== null) made.setAttribute(key, v);
  made.append(...inside.filter((one) => one !== null && one !== undefined));
  return made;
}

// scales and axes

function scale(low, high, from, to, log = false, whole = false) {
  if (!(high > low)) { const by = log ? 2 : Math.abs(low) * 0.05 || 0.5; [low, high] = log ? [low / by, high * by] : [low - by, high + by]; }
  const f = log ? Math.log10 : (v) => v;
  const place = (v) => from + (f(v) - f(low)) / (f(high) - f(low)) * (to - from);
  return Object.assign(place, { low, high, log, ticks: (count) => log ? powers(low, high, count) : steps(low, high, count).filter((v) => !whole || Number.isInteger(v)) });
}
function steps(low, high, count) {
  const raw = (high - low) / Math.max(count, 1), power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((each) => each * power >= raw * 0.999), found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) found.push(Number((i * step).toPrecision(12)));
  return found;
}
function powers(low, high, count) {
  const found = [], decades = Math.log10(high / low), times = 3 * decades <= count ? [1, 2, 5] : 2 * decades <= count ? [1, 3] : [1];
  const every = Math.max(1, Math.ceil(decades / Math.max(count, 1)));
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    for (const by of times) { const v = by * 10 ** power; if (power % every === 0 && v >= low * 0.999 && v <= high * 1.001) found.push(v); }
  }
  return found.length > 1 ? found : [low, high];
}
const spread = (values) => { let low = Infinity, high = -Infinity; for (const v of values) if (finite(v)) { low = Math.min(low, v); high = Math.max(high, v); } return [low, high]; };
const wide = (values) => { const found = values.filter((v) => finite(v)); const [low, high] = spread(found); return found.length > 0 && low > 0 && high > 30 * low; };
function padded([low, high], log) { if (log) return [low / 1.08, high * 1.08]; const by = (high - low || Math.abs(low) * 0.1 || 1) * 0.06; return [low - by, high + by]; }
function valueScale(values, from, to) {
  const log = !M.maximize && !M.percent && wide(values);
  let [low, high] = padded(spread(values), log);
  if (M.percent) [low, high] = [Math.max(0, low), Math.min(1, Math.max(high, low + 1e-4))];
  return scale(low, high, from, to, log);
}
const tickText = (v, percent) => percent ? String(Number((100 * v).toPrecision(6))) : Math.abs(v) >= 1e5 || (v && Math.abs(v) < 1e-3) ? v.toExponential(0).replace("e-", "e−").replace("e+", "e") : String(Number(v.toPrecision(6)));

const cut = (words, most) => words.length > most ? `${words.slice(0, most - 1)}…` : words;
function labelledRows(width, widest) {  // the places of rows whose labels stand beside them, or above them on a phone
  const narrow = width < 560, row = narrow ? 40 : 26, left = narrow ? 8 : widest, most = Math.max(6, Math.floor((narrow ? width - 10 : left - 14) / 7.2));
  const y = (top, i) => top + row * i + (narrow ? 27 : row / 2);
  const label = (words, at) => make("text", narrow ? { x: 0, y: at - 11 } : { x: left - 12, y: at + 4, "text-anchor": "end" }, cut(words, most), make("title", {}, words));
  return { row, left, y, label };
}
function chart(width, height, label) {
  return make("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label, tabindex: 0 });
}
function axes(svg, box, X, Y, names, percent = [false, false]) {
  if (Y) for (const v of Y.ticks(Math.max(2, Math.floor((box.bottom - box.top) / 45)))) {
    svg.append(make("line", { class: "grid", x1: box.left, x2: box.right, y1: Y(v), y2: Y(v) }),
      make("text", { class: "quiet", x: box.left - 6, y: Y(v) + 4, "text-anchor": "end" }, tickText(v, percent[1])));
  }
  if (X) for (const v of X.ticks(Math.max(2, Math.floor((box.right - box.left) / 70)))) {
    svg.append(make("line", { class: "axis", x1: X(v), x2: X(v), y1: box.bottom, y2: box.bottom + 4 }),
      make("text", { class: "quiet", x: X(v), y: box.bottom + 17, "text-anchor": "middle" }, tickText(v, percent[0])));
  }
  svg.append(make("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
  if (names[0]) svg.append(make("text", { class: "quiet", x: (box.left + box.right) / 2, y: box.bottom + 35, "text-anchor": "middle" }, names[0]));
  if (names[1]) svg.append(make("text", { class: "quiet", x: 0, y: 11 }, names[1]));
}
const star = (x, y, size = 7) => "M" + Array.from({ length: 10 }, (_, i) => { const a = Math.PI * (i / 5 - 0.5), r = i % 2 ? size * 0.42 : size; return `${(x + r * Math.cos(a)).toFixed(1)} ${(y + r * Math.sin(a)).toFixed(1)}`; }).join("L") + "Z";
const cross = (x, y, size = 3.5) => `M${x - size} ${y - size}L${x + size} ${y + size}M${x - size} ${y + size}L${x + size} ${y - size}`;
const path = (points) => points.length ? "M" + points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L") : "";
function mark(c, x, y) {
  const g = make("g", { "data-c": c });
  if (C[c].pruned) g.append(make("path", { class: "cross", d: cross(x, y) }), make("circle", { cx: x, cy: y, r: 6, fill: "transparent" }));
  else if (C[c].best) g.append(make("path", { class: "star", d: star(x, y, 9) }));
  else g.append(make("circle", { class: "dot", cx: x, cy: y, r: C.length > 200 ? 3 : 4.5 }));
  return g;
}

// figures

const figures = [];
function figure(parent, title, caption, draw, csv, least = 0) {
  const box = make("div", {}), name = title.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_|_$/g, "");
  const buttons = make("div", { class: "save" });
  const own = make("figure", { class: "card" }, make("figcaption", {}, parent.dataset.chart ? null : make("b", {}, title), caption), box, buttons);
  const made = { box, draw, width: 0, title, least };
  for (const [kind, how] of [["PNG", savePng], ["SVG", saveSvg]]) buttons.append(button(`Save as ${kind}`, () => how(made, name)));
  if (csv) buttons.append(button("Save as CSV", () => download(`${name}.csv`, "text/csv", csvText(csv()))));
  made.buttons = buttons;
  parent.append(own);
  figures.push(made);
  return made;
}
function button(words, act) { const made = make("button", { type: "button" }, words); made.addEventListener("click", act); return made; }
function redraw(force = false) {
  for (const one of figures) {
    const width = Math.floor(one.box.clientWidth);
    if (!width || (!force && width === one.width)) continue;
    one.width = width;
    one.box.replaceChildren(...[one.draw(width)].flat().filter(Boolean));
  }
  show();
}

const epochsOf = (r, count) => D.curves.epochs.filter((e) => e <= D.curves.ends[r]).concat(D.curves.ends[r]).slice(0, count);
function meanCurve(c, name) {
  const at = new Map();
  for (const r of runsOf[c]) { const ys = D.curves[name][r], xs = epochsOf(r, ys.length); ys.forEach((y, i) => { if (finite(y)) { if (!at.has(xs[i])) at.set(xs[i], []); at.get(xs[i]).push(y); } }); }
  return [...at].sort((a, b) => a[0] - b[0]).map(([x, ys]) => {
    const mean = ys.reduce((a, b) => a + b, 0) / ys.length;
    const std = ys.length > 1 ? Math.sqrt(ys.reduce((a, b) => a + (b - mean) ** 2, 0) / (ys.length - 1)) : 0;
    return { x, mean, low: Math.max(mean - std, Math.min(...ys)), high: mean + std, n: ys.length };
  });
}
const inFront = (c) => c < SHOWN && !(C[c].pruned && C.some((other) => !other.pruned));
function curves(name, width) {
  const height = 320, labels = C.length > 1 ? 30 : 8, box = { left: 46, right: width - labels, top: 24, bottom: height - 42 };
  const isValue = name === "validation", all = C.map((_, c) => meanCurve(c, name)), values = all.flatMap((line) => line.map((p) => p.mean));
  const log = !isValue && wide(values), Y = isValue ? valueScale(values, box.bottom, box.top) : scale(...padded(spread(values), log), box.bottom, box.top, log);
  const X = scale(1, Math.max(...D.curves.ends, 2), box.left, box.right, false, true), svg = chart(width, height, `${name} by epoch`);
  axes(svg, box, X, Y, ["epoch", isValue ? M.validation : name], [false, isValue && M.percent]);
  const ends = [];
  for (let c = C.length - 1; c >= 0; c -= 1) {
    const line = all[c];
    if (!line.length) continue;
    const front = inFront(c), stroke = front ? colour(c) : "var(--quiet)", g = make("g", { "data-c": c, style: `--own:${stroke}` });
    const inFrame = (v) => Y(Math.min(Math.max(v, Y.low), Y.high));
    if (front && runsOf[c].length > 1) g.append(make("path", { class: "band", style: `fill:${stroke}`, d: path([...line.map((p) => [X(p.x), inFrame(p.low)]), ...line.map((p) => [X(p.x), inFrame(p.high)]).reverse()]) + "Z" }));
    for (const r of runsOf[c].length > 1 ? runsOf[c] : []) {
      const ys = D.curves[name][r], xs = epochsOf(r, ys.length);
      g.append(make("path", { class: "seed", "data-r": r, style: `stroke:${stroke}`, d: path(ys.map((y, i) => [y, i]).filter(([y]) => finite(y)).map(([y, i]) => [X(xs[i]), inFrame(y)])) }));
    }
    const d = path(line.map((p) => [X(p.x), Y(p.mean)])), last = line[line.length - 1];
    g.append(make("path", { class: "hit", d }), make("path", front ? { class: "mean", d, style: `stroke:${stroke}`, "stroke-dasharray": dashes(c) } : { class: "rest", d }));
    if (C[c].pruned) g.append(make("path", { class: "cross", d: cross(X(last.x), Y(last.mean), 3) }));
    else if (front && C.length > 1) ends.push({ c, y: Y(last.mean), g });
    svg.append(g);
  }
  numberEnds(ends, box.right + 5, box.bottom);
  return svg;
}
const dashes = (c) => DASHES[(c + Math.floor(c / 7)) % 7];
function numberEnds(ends, x, bottom) {  // the numbers of configurations at the right ends of their lines, none over another
  ends.sort((a, b) => a.y - b.y);
  let before = -99;
  for (const one of ends) { before = Math.max(one.y + 4, before + 13); one.at = before; }
  const over = Math.max(0, before - bottom);
  for (const one of ends) one.g.append(make("text", { x, y: one.at - over, style: `fill:${colour(one.c)};font-weight:600` }, `#${one.c + 1}`));
}
function legend() {
  const shown = C.map((_, c) => c).filter(inFront);
  return make("p", { class: "quiet" }, ...shown.flatMap((c) => {
    const line = make("svg", { class: "chart", width: 28, height: 9, style: "display:inline-block", "aria-hidden": "true" }, make("line", { x1: 0, x2: 28, y1: 5, y2: 5, style: `stroke:${colour(c)};stroke-width:2`, "stroke-dasharray": dashes(c) }));
    return [make("span", { "data-c": c, style: "white-space:nowrap;margin-right:1.2rem;display:inline-block;max-width:100%;overflow:hidden;text-overflow:ellipsis" }, line, ` #${c + 1} ${C[c].short}`), " "];
  }));
}
function nearest(shown) {  // the range of the seeds of configurations near the winner
  const best = C[shown.find((c) => C[c].best) ?? shown[0]].test, reach = M.percent ? 0.02 : 0.1 * Math.abs(best);
  const [low, high] = spread(shown.filter((c) => Math.abs(C[c].test - best) <= reach).flatMap((c) => runsOf[c].filter((r) => R.status[r] === "finished").map((r) => R.test[r])));
  const by = Math.max(high - low, reach / 10) * 0.08;
  return [low - by, high + by];
}
function seedStrip(width) {
  const shown = C.map((_, c) => c).filter((c) => C[c].finished > 0).slice(0, seedStrip.all ? C.length : SHOWN);
  const { row, left, y: place, label } = labelledRows(width, Math.min(300, width * 0.34)), height = row * shown.length + 52;
  const values = shown.flatMap((c) => runsOf[c].filter((r) => R.status[r] === "finished").map((r) => R.test[r]));
  const svg = chart(width, height, `${M.test} of every seed`), box = { left, right: width - 12, top: 4, bottom: row * shown.length + 6 };
  const [low, high] = nearest(shown), seen = seedStrip.near ? values.filter((v) => v >= low && v <= high) : values;
  const X = valueScale(seen, box.left + 6, box.right);
  axes(svg, box, X, null, [M.test, ""], [M.percent, false]);
  shown.forEach((c, i) => {
    const y = place(box.top, i), own = C[c].best ? "best" : "dot", g = make("g", { "data-c": c });
    const clip = (v) => Math.min(Math.max(X(v), box.left), box.right);
    g.append(make("rect", { x: 0, y: y - row / 2, width, height: row, fill: "transparent" }));
    g.append(label(`#${c + 1} ${C[c].short}`, y));
    const inside = (v) => v >= X.low && v <= X.high;
    const stroke = C[c].best ? "var(--star)" : "var(--accent)";
    if (finite(C[c].low) && C[c].high >= X.low && C[c].low <= X.high) {
      g.append(make("line", { class: "best", x1: clip(C[c].low), x2: clip(C[c].high), y1: y, y2: y, style: `stroke:${stroke};stroke-width:1.5` }));
      for (const [end, by] of [[C[c].low, 6], [C[c].high, -6]]) if (clip(end) !== X(end)) g.append(make("path", { d: path([[clip(end) + by, y - 4], [clip(end), y], [clip(end) + by, y + 4]]), style: `stroke:${stroke};stroke-width:1.5;fill:none` }));
    }
    for (const r of runsOf[c]) if (finite(R.test[r]) && inside(R.test[r]) && R.status[r] === "finished") g.append(make("circle", { class: `${own} small`, "data-r": r, cx: X(R.test[r]), cy: y, r: 4 }));
    if (finite(C[c].test) && inside(C[c].test)) g.append(make("line", { x1: X(C[c].test), x2: X(C[c].test), y1: y - 7, y2: y + 7, style: `stroke:${stroke};stroke-width:2.5` }));
    svg.append(g);
  });
  return svg;
}
function keyScale(key, k, from, to) {
  const given = C.map((one) => one.values[k]).filter((v) => v !== null);
  if (key.numeric) {
    const X = scale(...padded(spread(given), key.log), from, to, key.log, given.every(Number.isInteger)), tried = [...new Set(given)].sort((a, b) => a - b);
    const room = tried.length < 7 && tried.every((v, i) => !i || Math.abs(X(v) - X(tried[i - 1])) > 34);
    return room ? Object.assign(X, { ticks: () => tried }) : X;
  }
  const X = (i) => from + (i + 0.5) / key.values.length * (to - from);
  return Object.assign(X, { ticks: () => key.values.map((_, i) => i) });
}
function slice(k, width) {
  const key = D.keys[k], height = 250, box = { left: 46, right: width - 10, top: 24, bottom: height - 42 };
  const X = keyScale(key, k, box.left, box.right), Y = valueScale(C.flatMap((one) => finite(one.validation) ? [one.validation, one.test] : []), box.bottom, box.top);
  const svg = chart(width, height, `Validation and test ${M.title} along ${key.name}`);
  axes(svg, box, key.numeric ? X : null, Y, [key.short, M.test.replace(/^test /, "")], [false, M.percent]);
  const room = Math.max(3, Math.floor((box.right - box.left) / Math.max(key.values.length, 1) / 7.2) - 1);
  if (!key.numeric) key.values.forEach((v, i) => svg.append(make("text", { class: "quiet", x: X(i), y: box.bottom + 17, "text-anchor": "middle" }, cut(v, room))));
  for (let c = C.length - 1; c >= 0; c -= 1) {
    const v = C[c].values[k];
    if (v === null || !finite(C[c].validation)) continue;
    const aside = key.numeric ? 0 : ((c * 0.618034) % 1 - 0.5) * Math.min(26, (box.right - box.left) / key.values.length * 0.5);
    const made = mark(c, X(v) + aside, Y(C[c].validation));
    if (finite(C[c].test)) made.append(make("circle", { class: C[c].best ? "ring best" : "ring", cx: X(v) + aside, cy: Y(C[c].test), r: C.length > 200 ? 2.5 : 4 }));
    svg.append(made);
  }
  return svg;
}
function parallel(width) {
  const names = [...D.keys.map((key) => key.short), "validation"], first = D.keys[0].numeric ? 6 : Math.max(...D.keys[0].values.map((v) => v.length));
  const left = 12 + 7.8 * Math.min(14, Math.max(5, first)), right = 66, longest = 12 + 7.5 * Math.max(...names.map((name) => name.length));
  const gap = Math.max(74, longest / 2, (width - left - right) / Math.max(names.length - 1, 1)), rows = longest > gap ? 2 : 1;
  const whole = left + right + gap * (names.length - 1), height = 330, top = 20 + 14 * rows, bottom = height - 26, svg = chart(whole, height, "A line per configuration through its values");
  const Y = valueScale(C.map((one) => one.validation), bottom, top), scales = D.keys.map((key, k) => keyScale(key, k, bottom, top)), at = (i) => left + gap * i, ends = [];
  const most = Math.max(6, Math.floor(gap / 7));
  for (let c = C.length - 1; c >= 0; c -= 1) {
    if (!finite(C[c].validation)) continue;
    const points = D.keys.map((_, k) => [at(k), C[c].values[k] === null ? bottom + 12 : scales[k](C[c].values[k])]).concat([[at(names.length - 1), Y(C[c].validation)]]);
    const front = inFront(c), d = path(points);
    const g = make("g", { "data-c": c, style: `--own:${front ? colour(c) : "var(--accent)"}` }, make("path", { class: "hit", d }),
      make("path", { class: front ? "mean" : "rest", d, style: front ? `stroke:${colour(c)};stroke-width:${C[c].best ? 2.5 : 1.5}` : undefined, "stroke-dasharray": front ? dashes(c) : C[c].pruned ? "3 4" : undefined }));
    if (front) ends.push({ c, y: Y(C[c].validation), g });
    svg.append(g);
  }
  numberEnds(ends, at(names.length - 1) + 6, bottom);
  names.forEach((name, i) => {
    svg.append(make("line", { class: "axis", x1: at(i), x2: at(i), y1: top, y2: bottom }),
      make("text", { x: at(i), y: 12 + 14 * (i % rows), "text-anchor": i === 0 ? "start" : i === names.length - 1 ? "end" : "middle", style: "font-weight:600", dx: i === 0 ? 6 - left : i === names.length - 1 ? right - 6 : 0 }, name));
    const key = D.keys[i], S = key ? scales[i] : Y;
    for (const v of S.ticks(5)) svg.append(make("text", { class: "quiet", x: at(i) - 5, y: S(v) + 4, "text-anchor": "end" }, cut(key ? key.numeric ? tickText(v) : key.values[v] : tickText(v, M.percent), i ? Math.max(5, most - 2) : 14)));
  });
  return whole > width ? make("div", { class: "wide" }, svg) : svg;
}
function history(width) {
  const height = 290, box = { left: 46, right: width - 12, top: 24, bottom: height - 42 }, order = C.map((_, c) => c).filter((c) => finite(C[c].validation)).sort((a, b) => C[a].order - C[b].order);
  const X = scale(1, C.length, box.left + 6, box.right - 6, false, true), Y = valueScale(C.map((one) => one.validation), box.bottom, box.top), svg = chart(width, height, "The search, configuration by configuration");
  axes(svg, box, X, Y, ["configuration, in the order of the search", M.validation], [false, M.percent]);
  let best = null;
  const line = [];
  for (const c of order) if (!C[c].pruned) {
    const better = best === null || (M.maximize ? C[c].validation > best : C[c].validation < best);
    if (better) { if (best !== null) line.push([X(C[c].order + 1), Y(best)]); best = C[c].validation; line.push([X(C[c].order + 1), Y(best)]); }
  }
  if (line.length) svg.append(make("path", { d: path([...line, [box.right, Y(best)]]), style: "stroke:var(--star);stroke-width:1.5" }));
  for (const c of order) svg.append(mark(c, X(C[c].order + 1), Y(C[c].validation)));
  return svg;
}

// charts of sections, which bring their own numbers: heat, dots, lines, intervals

const kinds = {
  heat(one, width) {
    const long = Math.max(...one.rows.map((name) => name.length)), left = Math.min(120, 26 + long * 7), cell = Math.max(22, Math.min(46, (width - left - 8) / one.columns.length));
    const turned = Math.max(...one.columns.map((name) => name.length)) * 7 > cell, last = one.columns[one.columns.length - 1].length;
    const whole = left + cell * one.columns.length + 4 + (turned ? 4.5 * Math.min(14, last) : 0), top = turned ? Math.min(110, 34 + 6.5 * Math.max(...one.columns.map((n) => n.length))) : 40;
    const svg = chart(whole, top + cell * one.rows.length + 6, `${one.ylabel} against ${one.xlabel}`);
    svg.append(make("text", { class: "quiet", x: left + cell * one.columns.length / 2, y: 11, "text-anchor": "middle" }, one.xlabel), make("text", { class: "quiet", x: 0, y: top - 8 }, one.ylabel));
    one.columns.forEach((name, j) => { const x = left + cell * (j + 0.5); svg.append(make("text", turned ? { x, y: top - 6, transform: `rotate(-50 ${x} ${top - 6})` } : { x, y: top - 8, "text-anchor": "middle" }, cut(name, 14))); });
    one.rows.forEach((name, i) => {
      const y = top + cell * i;
      svg.append(make("text", { x: left - 7, y: y + cell / 2 + 4, "text-anchor": "end" }, cut(name, 14)));
      one.values[i].forEach((v, j) => {
        const x = left + cell * j, words = one.texts ? one.texts[i][j] : plain(v);
        svg.append(make("rect", { x: x + 1, y: y + 1, width: cell - 2, height: cell - 2, rx: 3, style: `fill:var(${i === j && one.texts ? "--accent" : "--star"});fill-opacity:${words ? 0.06 + 0.6 * (v || 0) : 0.03}` }, make("title", {}, `${one.ylabel} ${name}, ${one.xlabel} ${one.columns[j]}: ${words}`)));
        if (words) svg.append(make("text", { x: x + cell / 2, y: y + cell / 2 + 4, "text-anchor": "middle", style: cell < 30 ? "font-size:10px" : undefined }, String(words)));
      });
    });
    svg.classList.add("plain");
    return make("div", { class: "wide" }, svg);
  },
  dots(one, width) {
    const size = Math.min(width, 480), box = { left: 52, right: size - 10, top: 24, bottom: size - 42 }, ends = padded(spread([...one.x, ...one.y]));
    const X = scale(...ends, box.left, box.right), Y = scale(...ends, box.bottom, box.top), svg = chart(size, size, `${one.ylabel} against ${one.xlabel}`), marked = new Set(one.marked || []);
    axes(svg, box, X, Y, [one.xlabel, one.ylabel]);
    svg.append(make("line", { class: "zero", x1: X(ends[0]), y1: Y(ends[0]), x2: X(ends[1]), y2: Y(ends[1]) }));
    one.x.forEach((x, i) => svg.append(make("circle", { class: "dot small", cx: X(x), cy: Y(one.y[i]), r: 3 }, make("title", {}, `${one.xlabel} ${plain(x)}, ${one.ylabel} ${plain(one.y[i])}`))));
    for (const i of marked) svg.append(make("circle", { cx: X(one.x[i]), cy: Y(one.y[i]), r: 6, style: "fill:none;stroke:var(--star);stroke-width:1.5" }));
    return svg;
  },
  lines(one, width) {  // series: name, x, y and, for a band, low and high
    const height = 300, box = { left: 52, right: width - 12, top: 24, bottom: height - 42 }, all = one.series.flatMap((s) => [...s.y, ...(s.low || []), ...(s.high || [])]), xs = one.series.flatMap((s) => s.x);
    const log = Boolean(one.log), X = scale(...spread(xs), box.left, box.right, log, xs.every(Number.isInteger)), Y = scale(...padded(spread(all)), box.bottom, box.top), svg = chart(width, height, `${one.ylabel} by ${one.xlabel}`);
    axes(svg, box, X, Y, [one.xlabel, one.ylabel], [false, Boolean(one.percent)]);
    one.series.forEach((s, i) => {
      const stroke = `var(--c${i % 7})`, g = make("g", {}, make("title", {}, s.name)), points = (ys) => s.x.map((x, j) => [x, ys[j]]).filter(([, y]) => finite(y)).map(([x, y]) => [X(x), Y(y)]);
      if (s.low && s.high) g.append(make("path", { class: "band", style: `fill:${stroke}`, d: path([...points(s.low), ...points(s.high).reverse()]) + "Z" }));
      g.append(make("path", { class: "mean", style: `stroke:${stroke}`, "stroke-dasharray": DASHES[i % 7], d: path(points(s.y)) }));
      svg.append(g);
    });
    const words = make("p", { class: "quiet" }, ...one.series.flatMap((s, i) => [make("svg", { class: "chart", width: 28, height: 9, style: "display:inline-block", "aria-hidden": "true" }, make("line", { x1: 0, x2: 28, y1: 5, y2: 5, style: `stroke:var(--c${i % 7});stroke-width:2`, "stroke-dasharray": DASHES[i % 7] })), ` ${s.name}\u2003`]));
    return one.series.length > 1 ? [svg, words] : [svg];
  },
  intervals(one, width) {  // rows: label, value and, for an interval, low and high; c: the numbers of its configurations; zero: false for an axis without it
    const { row, left, y: place, label } = labelledRows(width, Math.min(260, width * 0.4)), height = row * one.rows.length + 50, box = { left, right: width - 14, top: 4, bottom: row * one.rows.length + 6 }, svg = chart(width, height, one.xlabel);
    const zero = one.zero !== false, X = scale(...padded(spread([...(zero ? [0] : []), ...one.rows.flatMap((r) => [r.value, r.low, r.high])])), box.left, box.right);
    axes(svg, box, X, null, [one.xlabel, ""], [Boolean(one.percent), false]);
    if (zero) svg.append(make("line", { class: "zero", x1: X(0), x2: X(0), y1: box.top, y2: box.bottom }));
    one.rows.forEach((r, i) => {
      const y = place(box.top, i);
      const g = make("g", { "data-c": r.c ? r.c.join(" ") : undefined }, make("rect", { x: 0, y: y - row / 2, width, height: row, fill: "transparent" }), label(r.label, y));
      if (finite(r.low) && finite(r.high)) g.append(make("line", { x1: X(r.low), x2: X(r.high), y1: y, y2: y, style: "stroke:var(--accent);stroke-width:1.5" }));
      if (finite(r.value)) g.append(make("circle", { class: "dot", cx: X(r.value), cy: y, r: 4.5 }));
      svg.append(g);
    });
    return svg;
  },
};

// saving

function download(name, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type })), link = make("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
const csvText = (rows) => rows.map((row) => row.map((cell) => { let s = cell === null || cell === undefined ? "" : String(cell); if (/^[=+@\t\r-]/.test(s) && !/^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(s) && s !== "-") s = `'${s}`; return /[",\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s; }).join(",")).join("\n") + "\n";
function standalone(one) {
  const svg = one.box.querySelector("svg").cloneNode(true);
  svg.setAttribute("xmlns", SVG);
  svg.prepend(make("style", {}, document.getElementById("chart-style").textContent));
  svg.insertBefore(make("rect", { x: -8, y: -8, width: Number(svg.getAttribute("width")) + 16, height: Number(svg.getAttribute("height")) + 16, fill: "#fff" }), svg.children[1]);
  svg.setAttribute("viewBox", `-8 -8 ${Number(svg.getAttribute("width")) + 16} ${Number(svg.getAttribute("height")) + 16}`);
  return new XMLSerializer().serializeToString(svg);
}
const saveSvg = (one, name) => download(`${name}.svg`, "image/svg+xml", standalone(one));
function savePng(one, name) {
  const image = new Image(), svg = one.box.querySelector("svg"), scale = 3;
  image.onload = () => {
    const canvas = make("canvas", { width: (Number(svg.getAttribute("width")) + 16) * scale, height: (Number(svg.getAttribute("height")) + 16) * scale });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => { download(`${name}.png`, "image/png", blob); document.documentElement.dataset.saved = name; });
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(one))}`;
}

// one choice for all

let chosen = new Set();
const tip = document.getElementById("tip"), panel = document.getElementById("chosen");
const numbersOf = (one) => one.dataset.c.split(" ").map(Number);  // a row may stand for several configurations
function choose(cs, add) {
  const all = cs.every((c) => chosen.has(c));
  tip.hidden = true;
  if (!add) chosen = all && chosen.size === cs.length ? new Set() : new Set(cs);
  else for (const c of cs) all ? chosen.delete(c) : chosen.add(c);
  show();
}
function show() {
  document.body.classList.toggle("choosing", chosen.size > 0);
  for (const one of document.querySelectorAll("[data-c]")) {
    const on = numbersOf(one).some((c) => chosen.has(c));
    one.classList.toggle("on", on);
    if (one.hasAttribute("tabindex")) one.setAttribute("aria-selected", on);
  }
  panel.hidden = chosen.size === 0;
  if (!chosen.size) return;
  const told = [...chosen].slice(-TOLD), command = C[told[told.length - 1]].command;
  panel.replaceChildren(make("div", {}, ...told.map((c) => make("span", { class: "one" }, make("b", {}, `#${c + 1} ${C[c].short}`), ` ${facts(c)}`)),
    chosen.size > TOLD ? make("span", { class: "quiet" }, `and ${chosen.size - TOLD} more`) : null,
    make("span", { class: "end" }, button("Copy the command", (event) => { navigator.clipboard?.writeText(command); event.target.textContent = "Copied"; }), button("Close (Esc)", () => { chosen = new Set(); show(); })),
    make("code", {}, command)));
}
function facts(c) {
  const one = C[c], sign = M.percent ? " %" : "", parts = [];
  if (one.finished) parts.push(`test ${one.texts[1]}${sign}`);
  if (finite(one.validation)) parts.push(`validation ${one.texts[0]}${sign}${one.pruned ? " when it was pruned" : ""}`);
  parts.push(one.finished === one.n ? `${one.n} seed${one.n === 1 ? "" : "s"}` : `${one.finished} of ${one.n} seeds finished`);
  if (one.best) parts.push("the winner");
  else if (one.result) parts.push({ tie: "undecided against the winner", equal: "equal to the winner within the margin", lower: M.maximize ? "worse than the winner" : "better than the winner", higher: M.maximize ? "better than the winner" : "worse than the winner", "not testable": "undecided: too few seeds" }[one.result] || one.result);
  return parts.join(" · ");
}
const commandOf = (r) => C[R.configuration[r]].command.replace(" -m hpsearch -m ", " -m hpsearch ").replace(/ seed=[\d,-]+$/, ` seed=${R.seed[r]}`);
function tell(target, x, y) {
  const found = target && target.closest ? target.closest("[data-c]") : null;
  for (const one of document.querySelectorAll(".near")) one.classList.remove("near");
  tip.hidden = !found;
  if (!found) return;
  const cs = numbersOf(found), c = cs[0], at = target.closest("[data-r]"), r = at ? Number(at.dataset.r) : cs.length === 1 && runsOf[c].length === 1 ? runsOf[c][0] : null;
  for (const one of cs.flatMap((each) => [...document.querySelectorAll(`svg.chart [data-c~="${each}"]`)])) one.classList.add("near");
  const lines = cs.flatMap((each) => [make("b", {}, `#${each + 1} ${C[each].short}`), make("div", {}, facts(each))]);
  if (r !== null) lines.push(make("div", {}, `run ${R.folder[r]}, seed ${R.seed[r]}: ${R.status[r]}${R.reason[r] ? ` (${R.reason[r]})` : ""}, test ${value(R.test[r])}`));
  if (cs.length === 1) lines.push(make("code", {}, r === null ? C[c].command : commandOf(r)));
  tip.replaceChildren(...lines);
  const width = tip.offsetWidth, height = tip.offsetHeight;
  tip.style.left = `${Math.max(6, Math.min(x + 14, innerWidth - width - 6))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(6, y - height - 14) : y + 18}px`;
}
document.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") tell(event.target, event.clientX, event.clientY); });
document.addEventListener("pointerleave", () => { tip.hidden = true; });
document.addEventListener("mousedown", (event) => { if (event.shiftKey && event.target.closest("[data-c]")) event.preventDefault(); });  // would select text
document.addEventListener("click", (event) => {
  const found = event.target.closest("[data-c]");
  if (found && !event.target.closest("button, a")) choose(numbersOf(found), event.shiftKey || event.ctrlKey || event.metaKey);
});
document.addEventListener("keydown", (event) => {
  const at = document.activeElement;
  if (event.key === "Escape") { chosen = new Set(); tip.hidden = true; show(); }
  else if ((event.key === "Enter" || event.key === " ") && at.dataset && at.dataset.c !== undefined) { event.preventDefault(); choose(numbersOf(at), event.shiftKey); }
  else if (at.matches && at.matches("svg.chart") && ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"].includes(event.key)) {
    event.preventDefault();
    const here = [...new Set([...at.querySelectorAll("[data-c]")].flatMap(numbersOf))].sort((a, b) => a - b);
    if (!here.length) return;
    const step = event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : -1, place = here.indexOf([...chosen].pop());
    chosen = new Set([here[(place + step + (place < 0 && step < 0 ? 1 : 0) + here.length) % here.length]]);
    show();
  }
});

// tables: folded, sorted, saved

const asNumber = (words) => { const found = /^[<≈★#\s]*([+-]?[\d,]*\.?\d+(e[+-]?\d+)?)/i.exec(words); return found ? parseFloat(found[1].replaceAll(",", "")) : NaN; };
function sortBy(table, column, down) {
  const body = table.tBodies[0], key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
  const rows = [...body.rows], known = rows.map(key).filter((words) => words && words !== "-"), numeric = known.filter((words) => !Number.isNaN(asNumber(words))).length > known.length / 2;
  rows.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (!numeric) return (down ? -1 : 1) * x.localeCompare(y);
    const [i, j] = [asNumber(x), asNumber(y)];
    return Number.isNaN(i) || Number.isNaN(j) ? Number.isNaN(i) - Number.isNaN(j) : (down ? -1 : 1) * (i - j);
  });
  const open = ![...body.rows].some((row) => row.classList.contains("folded"));
  rows.forEach((row, i) => row.classList.toggle("folded", !open && i >= SHOWN));
  body.append(...rows);
  [...table.tHead.rows[0].cells].forEach((cell, i) => cell.setAttribute("aria-sort", i === column ? (down ? "descending" : "ascending") : "none"));
}
function sortable(table, sort) {
  [...table.tHead.rows[0].cells].forEach((cell, i) => {
    let down = true;
    const made = button(cell.textContent, () => { down = cell.getAttribute("aria-sort") === "none" || !cell.hasAttribute("aria-sort") ? false : !down; sort(i, down); });
    cell.replaceChildren(made);
  });
}
for (const table of document.querySelectorAll("table.sortable")) sortable(table, (i, down) => sortBy(table, i, down));
for (const saver of document.querySelectorAll("[data-csv]")) {
  const table = document.getElementById(saver.dataset.csv), unfold = saver.parentElement.querySelector(".unfold"), folded = table.querySelectorAll("tr.folded").length;
  saver.addEventListener("click", () => download(`${saver.dataset.csv}.csv`, "text/csv", csvText([...table.rows].map((row) => [...row.cells].flatMap((cell) => [cell.textContent, ...Array(cell.colSpan - 1).fill("")])))));
  if (folded) {
    unfold.hidden = false;
    unfold.classList.add("strong");
    unfold.textContent = `Show all ${table.tBodies[0].rows.length}`;
    unfold.addEventListener("click", () => { for (const row of table.tBodies[0].rows) row.classList.remove("folded"); unfold.hidden = true; });
  }
}

function runTable(section) {
  const headings = ["configuration", "seed", "status", "validation", "test", "seconds", "folder"];
  const columns = [(r) => R.configuration[r], (r) => R.seed[r], (r) => R.status[r], (r) => R.validation[r], (r) => R.test[r], (r) => R.seconds[r], (r) => R.folder[r]];
  const search = make("input", { type: "search", placeholder: "Filter: words that a run must have", "aria-label": "Filter the runs", id: "filter" });
  const told = make("span", { class: "quiet", role: "status" }), body = make("tbody"), rest = button("", () => { limit = Infinity; fill(); });
  rest.className = "strong";
  const table = make("table", {}, make("caption", {}, make("span", {}, "Every run. A click on a heading sorts; a click on a row chooses its configuration.")), make("thead", {}, make("tr", {}, ...headings.map((name) => make("th", { scope: "col" }, name)))), body);
  const texts = R.seed.map((_, r) => `#${R.configuration[r] + 1} ${C[R.configuration[r]].label} seed=${R.seed[r]} ${R.status[r]} ${R.folder[r]} ${R.reason[r]}`.toLowerCase());
  let order = R.seed.map((_, r) => r).sort((a, b) => R.configuration[a] - R.configuration[b] || R.seed[a] - R.seed[b]), limit = R.seed.length > 40 ? 20 : 40;
  const matching = () => { const words = search.value.toLowerCase().split(/\s+/).filter(Boolean); return order.filter((r) => words.every((word) => texts[r].includes(word))); };
  function fill() {
    const found = matching();
    body.replaceChildren(...found.slice(0, limit).map((r) => {
      const c = R.configuration[r];
      return make("tr", { "data-c": c, "data-r": r, tabindex: 0 }, make("td", { class: "text" }, `#${c + 1} ${C[c].short}`), make("td", {}, R.seed[r]), make("td", { class: R.reason[r] ? "text" : "" }, R.reason[r]?.startsWith(R.status[r]) ? R.reason[r] : R.status[r] + (R.reason[r] ? `: ${R.reason[r]}` : "")),
        make("td", {}, value(R.validation[r])), make("td", {}, value(R.test[r])), make("td", {}, finite(R.seconds[r]) ? plain(R.seconds[r]) : "-"), make("td", {}, R.folder[r]));
    }));
    told.textContent = `${found.length.toLocaleString("en")} of ${R.seed.length.toLocaleString("en")} runs`;
    rest.hidden = found.length <= limit;
    rest.textContent = `Show all ${found.length.toLocaleString("en")}`;
    show();
  }
  search.addEventListener("input", () => { fill(); });
  section.append(make("div", { class: "filter" }, search, told), make("div", { class: "wide" }, table),
    make("div", { class: "save" }, rest, button("Save as CSV", () => download("runs.csv", "text/csv", csvText([[...headings, "command"], ...matching().map((r) => [C[R.configuration[r]].label, ...columns.slice(1).map((f) => f(r)), commandOf(r)])])))));
  sortable(table, (i, down) => {
    order = order.sort((a, b) => { const [x, y] = [columns[i](a), columns[i](b)]; if (x === null || y === null) return (x === null) - (y === null); return (down ? -1 : 1) * (typeof x === "string" ? x.localeCompare(y) : x - y); });
    [...table.tHead.rows[0].cells].forEach((cell, j) => cell.setAttribute("aria-sort", i === j ? (down ? "descending" : "ascending") : "none"));
    fill();
  });
  fill();
}

// the page

function build() {
  const parent = document.getElementById("figures"), valid = C.filter((one) => finite(one.validation)).length, any = (name) => D.curves[name].some((line) => line.filter(finite).length > 1);
  const some = C.some((one) => one.pruned), crossed = some ? " Crosses: pruned, at their last value." : "";
  const csvOf = (name) => () => [["configuration", "epoch", "mean", "low", "high", "seeds"], ...C.flatMap((one, c) => meanCurve(c, name).map((p) => [one.label, p.x, p.mean, p.low, p.high, p.n]))];
  const numbers = () => [["number", ...D.keys.map((key) => key.name), "validation", "test", "seeds finished", "seeds", "pruned"], ...C.map((one, c) => [c + 1, ...D.keys.map((key, k) => one.values[k] === null ? "" : key.numeric ? one.values[k] : key.values[one.values[k]]), one.validation, one.test, one.finished, one.n, one.pruned])];
  if (any("validation") || any("training loss")) {
    const pair = make("div", { class: "cards", style: "grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr))" });
    const front = C.filter((_, c) => inFront(c)).length;
    const many = C.length === front ? "" : front < SHOWN ? "Those that finished in colour, the others grey." : `The best ${SHOWN} in colour, the others grey.`;
    const band = R.seed.length > 1 ? `Mean over seeds, with a band of one standard deviation, cut off below the lowest seed. ${many}` : "";
    if (any("validation")) figure(pair, `Validation ${M.title} by epoch`, `${band}${crossed}`, (w) => curves("validation", w), csvOf("validation"));
    if (any("training loss")) figure(pair, "Training loss by epoch", band, (w) => curves("training loss", w), csvOf("training loss"));
    parent.append(pair);
    if (C.length > 1) parent.append(legend());
  }
  if ((D.searched || some) && valid > 1) figure(parent, "The search", `Validation ${M.title} in the order of the search; the line is the best so far.${crossed}`, history, numbers);
  if (R.status.filter((one) => one === "finished").length > 1) {
    const tested = C.filter((one) => one.finished).length;
    const strip = figure(parent, `Test ${M.title} of every seed`, "Each seed, the mean and its 95 % t-interval; an arrow where it goes on. The best on validation stands first.", seedStrip, () => [["configuration", "seed", "test"], ...R.seed.map((s, r) => [C[R.configuration[r]].label, s, R.test[r]])]);
    const told = C.map((_, c) => c).filter((c) => C[c].finished > 0), [low, high] = nearest(told), [least, most] = spread(R.test);
    if (most - least > 3 * (high - low)) {
      const zoom = button("", () => { seedStrip.near = !seedStrip.near; zoom.textContent = seedStrip.near ? "Show all values" : "Zoom to the best"; redraw(true); });
      zoom.textContent = "Zoom to the best";
      zoom.className = "strong";
      strip.buttons.prepend(zoom);
    }
    if (tested > SHOWN) { const all = button(`Show all ${tested}`, () => { seedStrip.all = true; all.remove(); redraw(true); }); all.className = "strong"; strip.buttons.prepend(all); }
  }
  if (D.keys.length && valid > 1) {
    const grid = make("div", { class: "cards" });
    D.keys.forEach((key, k) => figure(grid, `Along ${key.short}`, `Each configuration on validation (dot) and on test (ring). Star: the winner.${crossed}`, (w) => slice(k, w), numbers));
    parent.append(grid);
  }
  if (D.keys.length > 1 && valid > 2) figure(parent, "Parallel coordinates", `A line per configuration through its values.${some ? " Grey and dashed: pruned." : ""}${C.some((one) => one.values.includes(null)) ? " Below an axis: without this key." : ""}`, parallel, numbers);
  for (const place of document.querySelectorAll("[data-chart]")) { const one = D.charts[place.dataset.chart]; if (kinds[one.kind]) figure(place, place.dataset.title, one.caption || "", (w) => kinds[one.kind](one, w)); }
  runTable(document.getElementById("runs"));
  redraw();
  new ResizeObserver(() => redraw()).observe(document.body);
  document.documentElement.dataset.ready = figures.length;
}
build();
for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) addEventListener(event, () => { document.documentElement.classList.toggle("printing", printing); redraw(true); });

// a page that is served while its sweep runs looks for a newer one

if (D.version) {
  const kept = sessionStorage.getItem("chosen");
  if (kept) { chosen = new Set(C.map((one, c) => [one.label, c]).filter(([label]) => JSON.parse(kept).includes(label)).map(([, c]) => c)); show(); }
  setInterval(async () => {
    try {
      const newest = await (await fetch("version", { cache: "no-store" })).text();
      if (newest !== D.version) { sessionStorage.setItem("chosen", JSON.stringify([...chosen].map((c) => C[c].label))); location.reload(); }
    } catch { /* the server has ended: the page stays as it is */ }
  }, 2000);
}
