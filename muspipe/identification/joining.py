"""Which units of neighbouring tiles and windows are one: those whose territories and signals agree where both see them.

A unit as one window sees it is a `Part`; a unit of the whole recording is a chain of parts, {window: Part}.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array

from muspipe.identification.blocks import Piece, Tile
from muspipe.recordings.units import MotorUnits
from muspipe.territories import iou, overlap

SAME_IOU, SAME_SIGNAL = 0.4, 0.5
"""Two are one unit if their territories' IoU and their signals' correlation are at least this, where both are seen. In
half a second two units correlate by as much once in twenty times, and hardly any two share so much of their place."""
CUT_SHARE, CUT_SIGNAL = 0.6, 0.8
"""... or if this share of the smaller lies in the larger, as where one is cut, and the signals are this alike."""
QUIET = 0.1
"""A signal says nothing where its power is less than this share of its mean."""
SAME_PLACE = 0.5
"""Chains that have no window in common are one unit, which paused or was missed, if their territories' IoU is this."""

Chain = dict[int, "Part"]


@dataclass(frozen=True, eq=False)
class Part:
    """A unit in one window of time."""

    pixels: np.ndarray
    """int64 (k,), rising: its territory, as indices into the flat image"""
    train: np.ndarray
    """float32 (frames of the window,)"""
    score: float
    found: bool = True
    """By the method, not only looked for because other windows have it."""


def join_tiles(tiles: tuple[Tile, ...], found: list[MotorUnits], width: int) -> list[Part]:
    """Units of one window, from those of its tiles. width: of the image [px].

    Where tiles overlap, each counts as its `fade` says. A unit stays if the tiles that have found it have at least half
    of the say over its territory: what only one sees, at its edge, is a rest of something cut.
    """
    members = [(t, i) for t, units in enumerate(found) for i in range(units.n_units)]
    if len(tiles) == 1:
        units = found[0]
        places = [np.flatnonzero(territory) for territory in units.territories]
        return [Part(*part) for part in zip(places, units.twitch_trains, units.scores.tolist(), strict=True)]
    say = np.zeros((max(t.rows.stop for t in tiles), width), np.float32)
    for tile in tiles:
        say[tile.rows.slice, tile.columns.slice] += tile.fade
    parts = [_of_tiles(group, tiles, found, say) for group in _groups(members, _same_in_tiles(tiles, found))]
    return sorted((part for part in parts if part is not None), key=lambda part: -part.score)


def _same_in_tiles(tiles, found):
    """[(worth, (tile, unit), (other tile, unit))] of what may be one unit."""
    for a, b in itertools.combinations(range(len(tiles)), 2):
        rows, columns = tiles[a].rows.common(tiles[b].rows), tiles[a].columns.common(tiles[b].columns)
        if rows is None or columns is None or not (found[a].n_units and found[b].n_units):
            continue
        masks = [
            found[t].territories[
                :,
                rows.start - tiles[t].rows.start : rows.stop - tiles[t].rows.start,
                columns.start - tiles[t].columns.start : columns.stop - tiles[t].columns.start,
            ]
            for t in (a, b)
        ]
        worth = _worth(iou(*masks), overlap(*masks), _correlation(found[a].twitch_trains, found[b].twitch_trains))
        yield from ((worth[i, j], (a, int(i)), (b, int(j))) for i, j in np.argwhere(worth > 0))


def _worth(shared_iou, share, alike):
    """(n, m), above 0 where two are one unit; the higher the surer."""
    same = (shared_iou >= SAME_IOU) & (alike >= SAME_SIGNAL) | (share >= CUT_SHARE) & (alike >= CUT_SIGNAL)
    return np.where(same, np.maximum(shared_iou, 0.5 * share) + alike, 0)


def _groups(members, pairs):
    """Groups of members that pairs hold together, best pairs first; of each tile at most one is in a group."""
    group = {member: [member] for member in members}
    for _, a, b in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        one, other = group[a], group[b]
        if one is not other and not {tile for tile, _ in one} & {tile for tile, _ in other}:
            one.extend(other)
            group.update(dict.fromkeys(other, one))
    return list({id(one): one for one in group.values()}.values())


def _of_tiles(group, tiles, found, say):
    """The Part of a group, or None. say (H, W): of all tiles together."""
    votes, against = np.zeros_like(say), np.zeros_like(say)
    weights = np.zeros(len(group))
    for k, (t, i) in enumerate(group):
        place = tiles[t].rows.slice, tiles[t].columns.slice
        fade, mask = tiles[t].fade, found[t].territories[i]
        votes[place] += fade * mask
        against[place] += fade * ~mask
        weights[k] = fade[mask].sum()
    territory = votes > against
    if not territory.any() or 2 * (votes + against)[territory].sum() < say[territory].sum():
        return None
    weights /= weights.sum()
    train = sum(w * found[t].twitch_trains[i] for w, (t, i) in zip(weights, group, strict=True))
    score = sum(w * float(found[t].scores[i]) for w, (t, i) in zip(weights, group, strict=True))
    return Part(np.flatnonzero(territory), train.astype(np.float32), score)


def link(windows: tuple[Piece, ...], parts: list[list[Part]], n_pixels: int) -> list[Chain]:
    """Chains of the parts of each window, those found in more windows first.

    A part goes on in the next window as the one whose territory agrees and whose signal does in the frames that both
    have. Chains that are never there at the same time and lie in the same place are one.
    """
    chains: list[Chain] = []
    open_ends: dict[int, Chain] = {}
    for w, here in enumerate(parts):
        last = list(open_ends)
        following = {}
        if last and here:
            worth = _worth_in_time([parts[w - 1][i] for i in last], here, windows[w - 1], windows[w], n_pixels)
            rows, columns = linear_sum_assignment(worth, maximize=True)
            following = {int(j): open_ends[last[i]] for i, j in zip(rows, columns, strict=True) if worth[i, j] > 0}
        for j, part in enumerate(here):
            chain = following.get(j)
            if chain is None:
                chain = {}
                chains.append(chain)
            chain[w] = part
            following[j] = chain
        open_ends = following
    return sorted(_relinked(chains, n_pixels), key=lambda chain: -sum(part.score for part in chain.values()))


def _worth_in_time(before, after, window, following, n_pixels):
    common = window.common(following)
    a = np.stack([part.train for part in before])
    b = np.stack([part.train for part in after])
    of_a = a[:, common.start - window.start : common.stop - window.start]
    of_b = b[:, common.start - following.start : common.stop - following.start]
    alike = _correlation(of_a, of_b)
    silent = np.logical_and.outer(_quiet(of_a, a), _quiet(of_b, b))
    return _worth(*shares(before, after, n_pixels), np.where(silent, SAME_SIGNAL, alike))


def _quiet(stretch, whole):
    return np.var(stretch, axis=1) < QUIET * np.var(whole, axis=1)


def _correlation(a, b):
    """(n, m) of signals (n, T) and (m, T)."""
    a, b = (s - s.mean(axis=1, keepdims=True) for s in (a, b))
    norms = np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    return (a @ b.T) / np.maximum(norms, np.finfo(np.float32).tiny)


def shares(one, other, n_pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """(IoU, shared pixels over those of the smaller), both (n, m), of the territories of two lists of parts."""
    a, b = (_masks(parts, n_pixels) for parts in (one, other))
    shared = (a @ b.T).toarray()
    areas = [np.array([len(part.pixels) for part in parts]) for parts in (one, other)]
    both, smaller = np.add.outer(*areas), np.minimum.outer(*areas)
    return shared / np.maximum(both - shared, 1), shared / np.maximum(smaller, 1)


def _masks(parts, n_pixels):
    """(n, P), sparse"""
    ends = np.cumsum([0, *(len(part.pixels) for part in parts)])
    pixels = np.concatenate([part.pixels for part in parts])
    return csr_array((np.ones(len(pixels), np.float32), pixels, ends), shape=(len(parts), n_pixels))


def _relinked(chains, n_pixels):
    """Chains that are the same unit at different times, as one; the most alike first."""
    if len(chains) < 2:
        return chains
    middle = [chain[sorted(chain)[len(chain) // 2]] for chain in chains]
    alike = np.triu(shares(middle, middle, n_pixels)[0], 1)
    pairs = np.argwhere(alike >= SAME_PLACE)
    joined = list(chains)
    for i, j in pairs[np.argsort(-alike[tuple(pairs.T)], kind="stable")]:
        one, other = joined[i], joined[j]
        if one is not other and not one.keys() & other.keys():
            one.update(other)
            joined = [one if chain is other else chain for chain in joined]
    return list({id(chain): chain for chain in joined}.values())
