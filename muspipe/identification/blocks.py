"""How a recording that is too long or large for one go is cut: windows of time, and in each the same tiles of space.

Windows and tiles overlap, so that what lies at the edge of one is in the middle of another, or at least well inside. A
`fade` says how much each has to say at each frame or pixel: all in its inner part, less and less towards an edge beyond
which the recording goes on.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from muspipe.identification.windows import starts
from muspipe.recordings.recording import Recording
from simulator.shared.settings import check, setting

PREFIX = "cut"
"""Name under which a method's settings hold these: "cut.window_s"."""


@dataclass(frozen=True)
class Cutting:
    """Settings of the cut. A recording that fits into one window and one tile is not cut."""

    window_s: float = setting(3.0, "longer recordings are cut into windows of this length", unit="s", least=1)
    """Separation takes as long as the number of its components cubed, and that grows with what a window holds."""
    window_overlap_s: float = setting(0.5, "windows overlap by this, or more", unit="s", least=0.2)
    """Some four firings, by which a unit is known again in the next window."""
    tile_mm: float = setting(60.0, "larger images are cut into tiles of this side", unit="mm", least=20)
    tile_overlap_mm: float = setting(20.0, "tiles overlap by this, or more", unit="mm", above=0)
    """The largest territory, so that each is whole in one tile."""

    def __post_init__(self):
        check(self, "cut.")

    def plan(self, recording: Recording) -> Plan:
        """The windows and tiles of a recording."""
        height, width = recording.image_shape
        n = round(self.window_s * recording.frame_rate_hz)
        overlap = min(round(self.window_overlap_s * recording.frame_rate_hz), n - 1)
        side = max(1, round(self.tile_mm / recording.pixel_mm))
        shared = min(max(1, round(self.tile_overlap_mm / recording.pixel_mm)), side - 1)
        rows, columns = pieces(height, side, shared), pieces(width, side, shared)
        return Plan(
            windows=pieces(recording.n_frames, n, overlap),
            tiles=tuple(Tile(*place) for place in itertools.product(rows, columns)),
        )


@dataclass(frozen=True)
class Piece:
    """A stretch of an axis."""

    start: int
    stop: int
    rising: int
    """At its start it overlaps with another by so many; 0: the axis begins here."""
    falling: int
    """The same at its end."""

    @property
    def slice(self) -> slice:
        return slice(self.start, self.stop)

    @property
    def fade(self) -> np.ndarray:
        """float32 (stop - start,), in (0, 1]: how much it has to say at each place."""
        n = self.stop - self.start
        up = (np.arange(n) + 1) / (self.rising + 1)
        down = (n - np.arange(n)) / (self.falling + 1)
        return np.minimum(1, np.minimum(up, down)).astype(np.float32)

    def common(self, other: Piece) -> slice | None:
        """What both cover of the axis; None for nothing."""
        start, stop = max(self.start, other.start), min(self.stop, other.stop)
        return slice(start, stop) if start < stop else None


@dataclass(frozen=True)
class Tile:
    """A part of the image."""

    rows: Piece
    columns: Piece

    @property
    def fade(self) -> np.ndarray:
        """float32 (h, w)"""
        return np.outer(self.rows.fade, self.columns.fade)


@dataclass(frozen=True)
class Plan:
    """How a recording is cut."""

    windows: tuple[Piece, ...]
    tiles: tuple[Tile, ...]

    @property
    def is_cut(self) -> bool:
        return len(self.windows) > 1 or len(self.tiles) > 1


def pieces(n: int, size: int, overlap: int) -> tuple[Piece, ...]:
    """Pieces of this size that cover an axis of n places and overlap by at least `overlap`, as few as possible, evenly
    spaced; one if it is not longer."""
    size = min(size, n)
    first = starts(n, size, overlap)
    return tuple(
        Piece(start, start + size, 0 if start == 0 else overlap, 0 if start + size == n else overlap) for start in first
    )
