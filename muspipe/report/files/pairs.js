/* Pairs of units: how often they fire together. Units are counted from 1, as on the page. */
"use strict";

const pairs = {
  /* Where a pair stands in lists over all of n units, in the order 1-2, 1-3, ... */
  place(n, one, other) {
    const [i, j] = [Math.min(one, other) - 1, Math.max(one, other) - 1];
    return i * n - (i * (i + 1)) / 2 + j - i - 1;
  },

  /* Of a recording's units the one that fires most often together with this one, beyond chance. */
  closest({ units, pairs: { z } }, unit) {
    const others = units.map((_, i) => i + 1).filter((number) => number !== unit);
    const score = (other) => z[pairs.place(units.length, unit, other)] ?? -Infinity;
    return others.reduce((best, other) => (score(other) > score(best) ? other : best), others[0]);
  },

  /* Instants at which a unit's twitches begin: firings are their peaks, later by what differs between units. */
  onsets({ units, rows }, unit) {
    return units[unit - 1].firings.x.map((time_s) => time_s - (rows[unit - 1].latency_ms ?? 0) / 1000);
  },

  /* How many lags from firings of one to firings of the other [s], both rising, lie in each bin about 0. */
  crossHistogram(one, other, { longest_lag_s, bin_s }) {
    const half = Math.round(longest_lag_s / bin_s);
    const counts = new Array(2 * half + 1).fill(0);
    const bin = (from, to) => Math.round((to - from) / bin_s) + half;
    let first = 0;
    for (const time_s of one) {
      while (first < other.length && bin(time_s, other[first]) < 0) first += 1;
      for (let k = first; k < other.length && bin(time_s, other[k]) < counts.length; k += 1) {
        counts[bin(time_s, other[k])] += 1;
      }
    }
    return counts;
  },

  /* A cell for each pair and its mirror image, for the matrix; `more` and `fewer`: colours. */
  cells({ units, pairs: { z, n_synchronous, n_by_chance, cis_hz } }, more, fewer) {
    const columns = { x: [], y: [], z: [], n: [], chance: [], cis: [], colour: [], alpha: [] };
    const numbers = units.map((_, i) => i + 1);
    for (const y of numbers) {
      for (const x of numbers.filter((number) => number !== y)) {
        const k = pairs.place(units.length, y, x);
        const cell = { x, y, z: z[k] ?? NaN, n: n_synchronous[k], chance: n_by_chance[k], cis: cis_hz[k] };
        Object.assign(cell, { colour: z[k] < 0 ? fewer : more, alpha: Math.min(Math.abs(z[k] ?? 0) / pairs.FULL_Z, 1) });
        for (const [name, value] of Object.entries(cell)) columns[name].push(value);
      }
    }
    return columns;
  },

  /* The z at which a cell has its full colour. */
  FULL_Z: 4,
};
