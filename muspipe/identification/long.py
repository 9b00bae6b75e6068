"""Any method on a recording of any length and size: block by block, and the units of the blocks joined.

At first each window of time is read, prepared and, tile by tile, searched by the method. Then the units are linked
(joining.py), windows that lack some of them are looked at again (filling.py), and each unit is put together (seams.py).
Blocks are done by several threads, of which the result does not depend: what a block gives depends on it alone, and
blocks are joined in their order.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from muspipe.identification.blocks import Plan, Tile
from muspipe.identification.familiar import unfamiliar
from muspipe.identification.filling import filled
from muspipe.identification.joining import Chain, Part, join_tiles, link
from muspipe.identification.method import Method
from muspipe.identification.seams import (
    active,
    drift_px,
    moved_territory,
    silenced,
    territory_of,
    train_of,
    without_copies,
)
from muspipe.preparation.prepare import Preparation, prepare, said_of_direction
from muspipe.progress import listening
from muspipe.recordings.recording import MIN_SIDE_PX, Recording
from muspipe.recordings.units import MotorUnits
from muspipe.runtime import give_back_memory
from simulator.shared.processes import cores
from simulator.shared.threads import one_blas_thread, workers

Progress = Callable[[float, str], None]
"""Called with the share that is done, 0-1, and what is being done."""
FIRST_LOOK, SECOND_LOOK = 0.85, 0.95
"""Shares that are done after each."""
MOST_JOBS = 8
DRIFT_MM = 0.3
"""Drift is told from here on: half a pixel of 0.6 mm."""


@dataclass(frozen=True, eq=False)
class Found:
    """Units of a whole recording."""

    units: MotorUnits
    warnings: tuple[str, ...]
    left_out_frames: np.ndarray
    """int64 (k,)"""
    active: np.ndarray | None
    """bool (n, 2): whether each unit is active at the recording's beginning, and at its end; None: not looked at"""


@one_blas_thread()
def find_long(
    recording: Recording, method: Method, preparation: Preparation, plan: Plan, progress: Progress, jobs: int | None
) -> Found:
    """Units of a recording that is cut as planned. jobs: blocks at a time; None: as many as there are processors."""
    jobs = _usual_jobs() if jobs is None else jobs
    _load_networks(method)
    work = _Work(recording, method, preparation, plan, progress)
    with _threads(jobs) as pool:
        parts = work.first_look(pool, jobs)
        chains = link(plan.windows, parts, recording.velocity.size // recording.n_frames)
        moved = drift_px(chains, len(plan.windows), recording.image_shape[1])
        territories = np.array([territory_of(chain, moved, recording.image_shape) for chain in chains], bool)
        territories = territories.reshape(-1, *recording.image_shape)
        work.second_look(pool, jobs, chains, territories, moved)
    return work.together(chains, territories, moved)


def _usual_jobs():
    """As many as there are processors, or as OMP_NUM_THREADS allows, by which a worker knows its share of them."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return min(MOST_JOBS, int(allowed) if allowed.isdecimal() and int(allowed) else cores())


@contextlib.contextmanager
def _threads(jobs):
    """A pool that, when something goes wrong, does not do first what is waiting."""
    pool = workers(jobs)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _load_networks(method):
    """Once, before several threads ask for them."""
    for name in method.networks().values():
        from muspipe.models import pretrained  # here, as methods without networks need no Keras

        pretrained.load(name)


@dataclass
class _Work:
    recording: Recording
    method: Method
    preparation: Preparation
    plan: Plan
    progress: Progress
    said: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    """(window, warning)"""
    left_out: list[np.ndarray] = dataclasses.field(default_factory=list)
    shares: dict[int, float] = dataclasses.field(default_factory=dict)
    """Of each block that has begun, counted over windows and their tiles: how much is done, 0-1"""
    telling: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def _prepared(self, window):
        return prepare(self.recording.part(window.slice), self.preparation, window.start)

    def first_look(self, pool, jobs) -> list[list[Part]]:
        """The units of each window."""
        plan, waiting, parts = self.plan, deque(), []
        self._at(0, 0.0)
        for w, window in enumerate(plan.windows):
            prepared = self._prepared(window)
            waiting.append((prepared, [pool.submit(self._find, prepared, w, t) for t in range(len(plan.tiles))]))
            if len(waiting) > -(-jobs // len(plan.tiles)):  # few at a time, as each holds its velocity
                parts.append(self._collected(len(parts), *waiting.popleft()))
        while waiting:
            parts.append(self._collected(len(parts), *waiting.popleft()))
        return parts

    def _collected(self, w, prepared, futures):
        self.left_out.append(prepared.left_out_frames)
        found = []
        for future in futures:
            units, warnings = future.result()
            found.append(units)
            self.said += [(w, text) for text in warnings]
        return join_tiles(self.plan.tiles, found, self.recording.image_shape[1])

    def _find(self, prepared, w, t):
        block = w * len(self.plan.tiles) + t
        with listening(lambda done, what: self._at(block, done, what)):
            found = _find(self.method, prepared, self.plan.tiles[t])
        self._at(block, 1.0)
        return found

    def _at(self, block, share, doing=""):
        """Tell that so much of a block is done, 0-1, and what is being done in it. Several threads do."""
        n_tiles, n_windows = len(self.plan.tiles), len(self.plan.windows)
        w, t = divmod(block, n_tiles)
        tile = f", tile {t + 1} of {n_tiles}" if n_tiles > 1 else ""
        with self.telling:
            self.shares[block] = share
            done = FIRST_LOOK * sum(self.shares.values()) / (n_tiles * n_windows)
            self.progress(done, f"window {w + 1} of {n_windows}{tile}{', ' if doing else ''}{doing}")

    def second_look(self, pool, jobs, chains: list[Chain], territories, moved):
        """Add to the chains what windows hold of their units without having found them."""
        usual = [np.median([_rms(part.train) for part in chain.values()]) for chain in chains]
        lacking = [w for w in range(len(self.plan.windows)) if any(w not in chain for chain in chains)]
        for first in range(0, len(lacking), jobs):
            share = FIRST_LOOK + (SECOND_LOOK - FIRST_LOOK) * first / len(lacking)
            self.progress(share, f"second look, window {lacking[first] + 1} of {len(self.plan.windows)}")
            some = lacking[first : first + jobs]
            futures = [pool.submit(self._look_again, w, chains, territories, moved[w], usual) for w in some]
            for w, future in zip(some, futures, strict=True):
                for k, part in future.result().items():
                    chains[k][w] = part

    def _look_again(self, w, chains, territories, by_px, usual):
        """{chain: Part} of the units that window w has after all."""
        window = self._prepared(self.plan.windows[w]).recording
        here = np.array([moved_territory(territory, by_px) for territory in territories])
        nothing = np.full(window.n_frames, np.nan, np.float32)
        parts = [chain.get(w) for chain in chains]
        trains = np.array([nothing if part is None else part.train for part in parts])
        again = {}
        for k, part in enumerate(parts):
            if part is None and here[k].any():
                train = filled(window, k, here, trains, usual[k])
                if train is not None:
                    again[k] = Part(np.flatnonzero(here[k]), train, 0.0, found=False)
        return again

    def together(self, chains, territories, moved) -> Found:
        """The units that most of what they do speaks for, best first."""
        recording, rate_hz = self.recording, self.recording.frame_rate_hz
        scores = np.array([_score(chain) for chain in chains])
        kept = [k for k in np.argsort(-scores, kind="stable") if scores[k] > 0 and territories[k].any()]
        trains, ends = np.zeros((len(kept), recording.n_frames), np.float32), np.ones((len(kept), 2), bool)
        for row, k in enumerate(kept):
            train = train_of(chains[k], self.plan.windows, recording.n_frames)
            on = active(train, rate_hz)
            trains[row], ends[row] = silenced(train, on, rate_hz), on[[0, -1]]
        rows = without_copies(territories[kept], trains)
        kept = np.array(kept, int)[rows]
        units = MotorUnits.of(recording, territories[kept], trains[rows], scores[kept])
        warnings = self._all_said(moved) + said_of_direction(units)
        left_out = np.unique(np.concatenate(self.left_out))
        return Found(units, warnings, left_out, ends[rows])

    def _all_said(self, moved):
        """Warnings of the windows, those that differ in numbers only told once; and of drift."""
        windows, kinds = self.plan.windows, {}
        for w, text in self.said:
            kinds.setdefault(re.sub(r"\d+(?:[.,\- ]*\d+)*", "#", text), {}).setdefault(w, text)
        lines = []
        for texts in kinds.values():
            first = min(texts)
            if len(texts) == len(windows) and len(set(texts.values())) == 1:
                lines.append(texts[first])
                continue
            start_s = windows[first].start / self.recording.frame_rate_hz
            more = f" (the like in {len(texts)} of {len(windows)} windows)" if len(texts) > 1 else ""
            lines.append(f"from {start_s:.4g} s on: {texts[first]}{more}")
        between = (windows[-1].start - windows[0].start) / self.recording.n_frames  # of the recording
        span_mm = np.ptp(moved, axis=0) * self.recording.pixel_mm / max(between, 1e-9)
        if np.hypot(*span_mm) >= DRIFT_MM:
            down, right = span_mm
            lines.append(
                f"the image drifts, by {down:.1f} mm in height and {right:.1f} mm in width over the recording, as when "
                "the probe slips: territories were followed, and are given as they lie at their mean place"
            )
        return tuple(lines)


def _find(method, prepared, tile: Tile) -> tuple[MotorUnits, tuple[str, ...]]:
    """(units of a tile, its territories (n, h, w); what was noticed)."""
    place = tile.rows.slice, tile.columns.slice
    part = prepared.recording.part(slice(None), *place)
    found = MotorUnits.none(part)
    if np.count_nonzero(part.inside) >= MIN_SIDE_PX**2 and (part.velocity != part.velocity[..., :1]).any():
        found = method.find(part)
        give_back_memory()
        if method.networks():
            found = dataclasses.replace(found, warnings=(*found.warnings, *unfamiliar(part)))
    territories = np.zeros((found.n_units, *prepared.recording.image_shape), bool)
    territories[(slice(None), *place)] = found.territories
    units, warnings = prepared.sifted(dataclasses.replace(found, territories=territories))
    return dataclasses.replace(units, territories=units.territories[(slice(None), *place)]), warnings


def _score(chain):
    """Mean score of the parts, each by the power of its train; 0 where most of the power was not found at first: what
    one window takes for a unit and others, in which it moves too, do not, is none."""
    powers = np.array([_rms(part.train) ** 2 for part in chain.values()])
    found = np.array([part.found for part in chain.values()])
    if 2 * powers[found].sum() < powers.sum():
        return 0.0
    return float(np.average([part.score for part in chain.values()], weights=powers))


def _rms(train):
    return float(np.sqrt(np.mean(train.astype(np.float64) ** 2)))
