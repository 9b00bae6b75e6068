/* The report at work: the chosen recording and unit, the plots that follow them, the table, the filter, the theme. */
"use strict";

(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const colourOf = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const fixed = (value, decimals) => (value === null ? "–" : value.toFixed(decimals));

  let chosen = { recording: 0, unit: 1 }; // unit: its number, from 1
  let shown = 1; // the unit in the plots: the chosen one, or the one that is pointed at
  let other = null; // the unit that the shown one is compared with, if somebody has chosen it
  let model = null; // of Bokeh's document, by name; set when it is there

  /* ---- plots ---- */

  const PLOTS = ["train", "rate", "twitch", "intervals", "raster", "drive", "matrix", "cross"];

  function unpacked({ base64, unit }) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    return Float64Array.from(new Int16Array(bytes.buffer), (step) => step * unit);
  }

  function fill(name, columns) {
    model(`${name} data`).data = columns;
  }

  /* What an axis shows, its reset included: from low to high and a little more. */
  function limits(range, low, high, margin = 0.06) {
    const more = margin * (high - low || 1);
    const [start, end] = [low && low - more, high + more]; // 0 stays the edge
    range.setv({ start, end, reset_start: start, reset_end: end });
  }

  const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

  function describe(plot, text) {
    const figure = document.querySelector(`[data-plot="${plot}"]`);
    figure.querySelector("figcaption span").textContent = text;
    figure.setAttribute("aria-label", `${figure.querySelector("h3").textContent}: ${text}`);
  }

  function unitColour(number) {
    return colourOf(`--unit-${data[chosen.recording].colours[number - 1]}`);
  }

  function drawUnit() {
    const recording = data[chosen.recording];
    const unit = recording.units[shown - 1];
    const velocity = recording.velocity_unit;
    const train = unpacked(unit.train);
    fill("train", { x: Float64Array.from(train, (_, i) => i * unit.step_s), y: train });
    fill("firings", unit.firings);
    fill("rate", unit.rates);
    const { x, mean, sd, n } = unit.twitch;
    const spread = (sign) => mean.map((value, i) => value + sign * sd[i]);
    fill("twitch", { x: x.map((time_s) => 1000 * time_s), mean, low: spread(-1), high: spread(1) });
    const { bin_s, counts, n_longer } = unit.intervals;
    const edge = (i) => 1000 * bin_s * i;
    fill("intervals", { left: counts.map((_, i) => edge(i)), right: counts.map((_, i) => edge(i + 1)), top: counts });
    const n_firings = unit.firings.x.length;
    const [least, peak] = train.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [0, 0]);
    limits(model("train").y_range, least, peak);
    limits(model("rate").y_range, 0, Math.max(1, ...unit.rates.y));
    limits(model("twitch").y_range, Math.min(0, ...mean.map((v, i) => v - sd[i])), Math.max(0, ...mean.map((v, i) => v + sd[i])));
    limits(model("intervals").y_range, 0, Math.max(1, ...counts));
    limits(model("intervals").x_range, 0, edge(Math.max(20, counts.findLastIndex(Boolean) + 2)), 0);
    describe("train", `[${velocity}], peak ${peak.toPrecision(3)}, ${count(n_firings, "firing")} (dots)`);
    describe("rate", n_firings > 1 ? "at the end of each interval" : "needs two firings");
    describe("twitch", n ? `[${velocity}], mean and SD about ${count(n, "firing")}` : "no firing lies far enough from both ends");
    const n_within = counts.reduce((sum, count) => sum + count, 0);
    const longer = n_longer ? `, ${n_longer} longer than ${edge(counts.length)} ms not drawn` : "";
    describe("intervals", n_within + n_longer ? `${n_within} in bins of ${1000 * bin_s} ms${longer}` : "needs two firings");
    const row = model("raster row");
    row.top = shown - 0.5;
    row.bottom = shown + 0.5;
    drawPair();
    paintUnit();
  }

  /* The cross-histogram of the shown unit with another. */
  function drawPair() {
    const recording = data[chosen.recording];
    const n = recording.units.length;
    const { bin_s, peak_s, n_synchronous, n_by_chance, cis_hz, z } = recording.pairs;
    if (n < 2) {
      fill("cross", { left: [], right: [], top: [] });
      fill("matrix pair", { x: [], y: [] });
      model("cross chance").visible = false;
      describe("cross", "needs two units");
      return;
    }
    const partner = other && other !== shown ? other : pairs.closest(recording, shown);
    for (const option of byId("other").options) option.disabled = Number(option.value) === shown;
    byId("other").value = String(partner);
    const counts = pairs.crossHistogram(pairs.onsets(recording, shown), pairs.onsets(recording, partner), recording.pairs);
    const edge = (i) => 1000 * bin_s * (i - counts.length / 2);
    fill("cross", { left: counts.map((_, i) => edge(i)), right: counts.map((_, i) => edge(i + 1)), top: counts });
    fill("matrix pair", { x: [partner], y: [shown] });
    const k = pairs.place(n, shown, partner);
    const a_bin = (n_by_chance[k] * bin_s) / (2 * peak_s);
    model("cross chance").setv({ location: a_bin, visible: true });
    limits(model("cross").y_range, 0, Math.max(1, a_bin, ...counts));
    describe(
      "cross",
      `onsets of unit ${partner} after those of unit ${shown}: ${n_synchronous[k]} within ${1000 * peak_s} ms (shaded), ` +
        `${n_by_chance[k].toPrecision(2)} by chance (line); common input ${cis_hz[k].toPrecision(2)} a second, ` +
        `z ${fixed(z[k], 1)}`,
    );
  }

  /* All pairs of the recording, and the choice among them. */
  function drawPairs() {
    const recording = data[chosen.recording];
    const n = recording.units.length;
    const ticks = recording.units.map((_, i) => i + 1).filter((number) => n <= 20 || number === 1 || number % 5 === 0);
    const matrix = model("matrix");
    fill("matrix", pairs.cells(recording, colourOf("--unit-0"), colourOf("--unit-1")));
    matrix.x_range.setv({ start: 0.5, end: n + 0.5, reset_start: 0.5, reset_end: n + 0.5 });
    matrix.y_range.setv({ start: n + 0.5, end: 0.5, reset_start: n + 0.5, reset_end: 0.5 });
    for (const plot of [matrix, model("cross")]) plot.height = Math.min(Math.max(240, 75 + n * 13), 560);
    for (const name of ["matrix x ticks", "matrix y ticks"]) model(name).ticks = ticks;
    byId("other").disabled = n < 2;
    byId("other").replaceChildren(...recording.units.map((_, i) => new Option(String(i + 1))));
    const colours = `blue: more firings together than by chance, orange: fewer, full colour from |z| = ${pairs.FULL_Z}`;
    describe("matrix", n < 2 ? "needs two units" : colours);
  }

  function drawRecording() {
    const recording = data[chosen.recording];
    const n = recording.units.length;
    const time = model("train").x_range;
    const end = recording.duration_s;
    time.setv({ start: 0, end, reset_start: 0, reset_end: end, bounds: [0, end] });
    fill("drive", recording.drive);
    const x = recording.units.flatMap((unit) => unit.firings.x);
    const y = recording.units.flatMap((unit, i) => unit.firings.x.map(() => i + 1));
    fill("raster", { x, y, colour: y.map(unitColour) });
    const raster = model("raster");
    raster.y_range.setv({ start: n + 0.7, end: 0.3, reset_start: n + 0.7, reset_end: 0.3 });
    raster.height = 75 + Math.max(5, n) * 13;
    model("raster ticks").ticks = recording.units.map((_, i) => i + 1);
    const most = Math.max(0, ...recording.drive.y);
    limits(model("drive").y_range, 0, most);
    describe("raster", `${count(x.length, "firing")} of ${count(n, "unit")}`);
    describe("drive", `up to ${most.toPrecision(3)} firings a second`);
    drawPairs();
  }

  /* The colours of the shown unit. */
  function paintUnit() {
    const colour = { value: unitColour(shown) };
    const ground = { value: colourOf("--ground") };
    model("train line").glyph.line_color = colour;
    model("train firings").glyph.setv({ fill_color: colour, line_color: ground });
    model("rate dots").glyph.setv({ fill_color: colour, line_color: ground });
    model("twitch line").glyph.line_color = colour;
    model("twitch band").glyph.fill_color = colour;
    for (const bars of ["intervals bars", "cross bars"]) model(bars).glyph.setv({ fill_color: colour, line_color: ground });
    model("raster row").fill_color = colour.value;
  }

  /* The colours of the theme: Bokeh's canvas does not follow the style sheet. */
  function paint() {
    const [ground, ink, quiet, rule] = ["--ground", "--ink", "--quiet", "--rule"].map(colourOf);
    for (const plot of PLOTS.map(model)) {
      plot.setv({ background_fill_color: ground, border_fill_color: ground, outline_line_color: rule });
      // Over what the other theme has left at the edges; an older Bokeh has no such line.
      if ("border_line_color" in plot) plot.setv({ border_line_color: ground, border_line_width: 3 });
      for (const axis of [...plot.left, ...plot.below].filter((part) => "axis_label" in part)) {
        axis.setv({
          axis_label_text_color: quiet, axis_label_text_font_style: "normal", major_label_text_color: quiet,
          axis_line_color: rule, major_tick_line_color: rule, minor_tick_line_color: null,
        });
      }
      for (const grid of plot.center.filter((part) => "grid_line_color" in part)) grid.grid_line_color = rule;
    }
    model("drive line").glyph.line_color = { value: ink };
    model("matrix pair").glyph.line_color = { value: ink };
    model("cross chance").line_color = ink;
    model("cross peak").fill_color = quiet;
    if (data[chosen.recording].units.length) {
      drawRecording();
      drawUnit();
    }
  }

  /* ---- the choice ---- */

  function mark() {
    for (const part of all("[data-recording]:not(tr)")) {
      part.hidden = Number(part.dataset.recording) !== chosen.recording;
    }
    for (const row of all("#table tbody tr")) {
      const here = Number(row.dataset.recording) === chosen.recording && Number(row.dataset.unit) === chosen.unit;
      row.setAttribute("aria-current", here);
    }
    for (const unit of all(`figure[data-recording="${chosen.recording}"] .unit`)) {
      const number = Number(unit.dataset.unit);
      unit.setAttribute("aria-selected", number === chosen.unit);
      unit.classList.toggle("shown", number === shown);
      if (number === chosen.unit) unit.closest("svg").setAttribute("aria-activedescendant", unit.id);
    }
  }

  function writeFacts() {
    const row = data[chosen.recording].rows[shown - 1];
    byId("unit-name").textContent = `Unit ${shown} of ${data[chosen.recording].units.length}`;
    const facts = {
      Score: fixed(row.score, 2),
      Firings: fixed(row.n_firings, 0),
      Rate: row.rate_hz === null ? "–" : `${fixed(row.rate_hz, 1)} Hz`,
      "Mean interval": row.interval_mean_ms === null ? "–" : `${fixed(row.interval_mean_ms, 0)} ms`,
      "CV of intervals": row.interval_cv_percent === null ? "–" : `${fixed(row.interval_cv_percent, 0)} %`,
      "First and last firing": row.n_firings ? `${fixed(row.recruitment_s, 2)}, ${fixed(row.derecruitment_s, 2)} s` : "–",
      "Explained by the firings": fixed(row.explained, 2),
      "Onset to peak": row.latency_ms === null ? "–" : `${fixed(row.latency_ms, 0)} ms`,
      Diameter: `${fixed(row.diameter_mm, 1)} mm`,
      Centre: row.x_mm === null ? "–" : `${fixed(row.x_mm, 1)}, ${fixed(row.y_mm, 1)} mm`,
    };
    byId("unit-facts").replaceChildren(
      ...Object.entries(facts).map(([what, text]) => {
        const pair = document.createElement("div");
        for (const [tag, content] of [["dt", what], ["dd", text]]) {
          pair.append(Object.assign(document.createElement(tag), { textContent: content }));
        }
        return pair;
      }),
    );
    return Object.entries(facts).map(([what, text]) => `${what} ${text}`).join(", ");
  }

  /* Show a unit without choosing it; null: the chosen one again. */
  function preview(number) {
    const next = number ?? chosen.unit;
    if (next === shown) return;
    shown = next;
    mark();
    writeFacts();
    if (model) drawUnit();
  }

  function choose(recording, unit) {
    const n = data[recording].units.length;
    const another = recording !== chosen.recording;
    if (another) other = null;
    chosen = { recording, unit: Math.min(Math.max(unit, 1), Math.max(n, 1)) };
    shown = chosen.unit;
    mark();
    for (const id of ["unit", "all"]) byId(id).hidden = n === 0;
    byId("none").hidden = n > 0;
    if (byId("recording")) byId("recording").value = String(recording);
    if (n === 0) return;
    byId("said").textContent = `Unit ${chosen.unit}: ${writeFacts()}`;
    byId("previous").disabled = chosen.unit === 1;
    byId("next").disabled = chosen.unit === n;
    if (!model) return;
    if (another) drawRecording();
    drawUnit();
  }

  const step = (by) => choose(chosen.recording, chosen.unit + by);

  function listen() {
    byId("previous").addEventListener("click", () => step(-1));
    byId("next").addEventListener("click", () => step(1));
    for (const map of all(".map")) {
      const number = (event) => Number(event.target.closest(".unit")?.dataset.unit) || null;
      map.addEventListener("pointerover", (event) => preview(number(event)));
      map.addEventListener("pointerleave", () => preview(null));
      map.addEventListener("click", (event) => number(event) && choose(chosen.recording, number(event)));
      map.addEventListener("keydown", (event) => {
        const n = data[chosen.recording].units.length;
        const to = { ArrowRight: chosen.unit + 1, ArrowDown: chosen.unit + 1, ArrowLeft: chosen.unit - 1,
          ArrowUp: chosen.unit - 1, Home: 1, End: n }[event.key];
        if (to === undefined || n === 0) return;
        event.preventDefault();
        choose(chosen.recording, to);
      });
    }
    byId("table").tBodies[0].addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) choose(Number(row.dataset.recording), Number(row.dataset.unit));
    });
    byId("other").addEventListener("change", () => {
      other = Number(byId("other").value);
      drawPair();
    });
    for (const input of all(".grounds input")) {
      input.addEventListener("change", () => {
        for (const part of all("[data-ground]", input.closest("figure"))) {
          part.toggleAttribute("hidden", part.dataset.ground !== input.value);
        }
      });
    }
    byId("theme").addEventListener("click", () => theme(root.dataset.theme === "dark" ? "light" : "dark"));
  }

  function theme(name) {
    root.dataset.theme = name;
    byId("theme").setAttribute("aria-pressed", name === "dark");
    if (model) paint();
  }

  /* ---- table and filter ---- */

  function sortable() {
    const headings = all("#table thead th");
    headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
      const rising = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const body = byId("table").tBodies[0];
      const value = (row) => row.cells[column].dataset.value;
      const text = heading.classList.contains("text");
      const compare = (a, b) => {
        if (value(a) === "" || value(b) === "") return (value(a) === "") - (value(b) === ""); // none is always last
        const order = text ? value(a).localeCompare(value(b), undefined, { numeric: true }) : value(a) - value(b);
        return rising ? order : -order;
      };
      body.append(...[...body.rows].sort(compare));
    }));
  }

  function filterable() {
    const [field, list] = [byId("filter"), byId("recording")];
    if (!field) return;
    const options = [...list.options];
    const apply = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = (recording) => words.every((word) => recording.name.toLowerCase().includes(word));
      const kept = data.flatMap((recording, i) => (fits(recording) ? [i] : []));
      list.replaceChildren(...kept.map((i) => options[i]));
      for (const row of all("#table tbody tr")) row.hidden = !kept.includes(Number(row.dataset.recording));
      byId("filtered").textContent = kept.length ? `${kept.length} of ${data.length} recordings` : "no recording has that in its name";
      if (kept.length && !kept.includes(chosen.recording)) choose(kept[0], 1);
      else list.value = String(chosen.recording);
    };
    field.addEventListener("input", apply);
    list.addEventListener("change", () => choose(Number(list.value), 1));
    byId("choice").addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  /* ---- start ---- */

  async function start() {
    byId("theme").setAttribute("aria-pressed", root.dataset.theme === "dark");
    listen();
    sortable();
    filterable();
    choose(0, 1);
    while (!window.Bokeh?.documents[0]?.get_model_by_name("drive")) {
      await new Promise((done) => setTimeout(done, 10));
    }
    const drawn = Bokeh.documents[0];
    model = (name) => drawn.get_model_by_name(name);
    model("raster").on_event("tap", ({ y }) => {
      const n = data[chosen.recording].units.length;
      if (y > 0.5 && y < n + 0.5) choose(chosen.recording, Math.round(y));
    });
    model("matrix").on_event("tap", ({ x, y }) => {
      const [one, another] = [Math.round(y), Math.round(x)];
      const n = data[chosen.recording].units.length;
      if (one === another || Math.min(one, another) < 1 || Math.max(one, another) > n) return;
      other = another;
      choose(chosen.recording, one);
    });
    paint();
    root.dataset.ready = "true";
  }

  start();
})();
