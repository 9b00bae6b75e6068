"""Batches by step: the batch of step s follows from the settings and s alone, so that a run can be taken up anywhere.

Steps are cut into epochs. Online an epoch has its own fresh sequences; from a data set, all of it in a new order.
"""

from __future__ import annotations

import functools
import itertools
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from muspipe.data import loader
from muspipe.data.options import BatchOptions
from muspipe.data.records import RecordMaker
from muspipe.data.sources import OnlineSource
from muspipe.data.stacks import makings_of, truth_of
from muspipe.errors import InputError

_TRAIN, _VAL, _INPUTS = 2001, 2002, 2003  # first numbers of the spawn keys


class Alternating:
    """Sequences of several sources of equal length, in turn."""

    def __init__(self, sources):
        self.sources = sources
        self.config = sources[0].config

    def __len__(self):
        return sum(len(source) for source in self.sources)

    def __getitem__(self, index):
        return self.sources[index % len(self.sources)][index // len(self.sources)]

    @functools.cached_property
    def n_units(self):
        """Motor units of each sequence, int64 (N,)."""
        return np.stack([source.n_units for source in self.sources], axis=1).reshape(-1)


class OnlineEpochs:
    """Endless fresh sequences: epoch e is simulated with a seed of its own. n_sequences of an epoch: rounded up to a
    multiple of the configs, which take turns."""

    def __init__(self, configs, seed: int, n_sequences: int, split: str):
        self.configs, self.seed, self.split = configs, seed, split
        self.n_each = -(-n_sequences // len(configs))

    def source(self, epoch: int):
        """The sequences of an epoch."""
        key = (_TRAIN if self.split == "train" else _VAL, epoch)
        seed = int(np.random.SeedSequence(self.seed, spawn_key=key).generate_state(1, np.uint32)[0])
        seed += epoch << 32  # no epoch has another's sequences
        sources = [OnlineSource(config, seed + i, self.n_each) for i, config in enumerate(self.configs)]
        return sources[0] if len(sources) == 1 else Alternating(sources)

    def rows(self, task, options: BatchOptions, epoch: int) -> np.ndarray:
        """The examples of an epoch in order: as many in every one, whatever the units of its sequences."""
        source = self.source(epoch)
        return _filled(task.order(source, options, epoch), task.examples_a_sequence * len(source))


class FixedEpochs:
    """A data set: the same sequences in every epoch."""

    def __init__(self, dataset):
        self.dataset = dataset

    def source(self, epoch: int):
        """The data set."""
        return self.dataset

    def rows(self, task, options: BatchOptions, epoch: int) -> np.ndarray:
        """All examples of the data set, in the order of an epoch."""
        return task.order(self.dataset, options, epoch)


class Examples:
    """The batches of a task (see tasks.py) by step, from 0, made by NumPy. epochs: OnlineEpochs or FixedEpochs. Threads
    may share this."""

    def __init__(self, task, epochs, options: BatchOptions):
        self.task, self.epochs, self.options = task, epochs, options
        self._epoch = functools.lru_cache(maxsize=2)(self._make_epoch)
        self._lock = threading.Lock()
        n_examples = len(epochs.rows(task, options, 0))
        self.batches_an_epoch = n_examples // options.batch_size
        if not self.batches_an_epoch:
            raise InputError(
                f"batch_size {options.batch_size}: expected at most {n_examples}, the examples of an epoch"
            )

    def _make_epoch(self, epoch):
        return RecordMaker(self.epochs.source(epoch), self.options), self.epochs.rows(self.task, self.options, epoch)

    def _at(self, step):
        """(maker, epoch, rows) of a step's batch."""
        epoch, index = divmod(step, self.batches_an_epoch)
        with self._lock:  # an epoch is made once
            maker, rows = self._epoch(epoch)
        return maker, epoch, rows[index * self.options.batch_size :][: self.options.batch_size]

    def batch(self, step: int) -> dict[str, np.ndarray]:
        """The batch of a step, as muspipe.data.loader makes it."""
        return next(self.stream(step, step + 1, self.task.pixels, lambda truth, step: truth))

    def stream(self, first: int, end: int, pixels: str, convert: Callable) -> Iterator[dict]:
        """The batch of each step from `first` to `end`, made some steps ahead: its pixels by the name `pixels`, and
        convert(truth of the batch, step), where truth is all but the pixels."""

        def make(step):
            maker, epoch, rows = self._at(step)
            records = self.task.records(maker, epoch, rows)
            return {pixels: loader.pixels(records, maker.bank)} | convert(truth_of(records), step)

        return stream(make, first, end)


class TensorFlowExamples(Examples):
    """The same batches, but for rounding, as tensors, through tf.data. device: as of tfdata.stream; by default an
    accelerator if there is one."""

    def __init__(self, task, epochs, options: BatchOptions, device: str | None = None):
        from muspipe.data import tfdata  # here, as not everyone has TensorFlow

        super().__init__(task, epochs, options)
        self._tfdata, self._device = tfdata, device or tfdata.accelerator()

    def stream(self, first, end, pixels, convert):
        def make(step):
            records = self.task.records(*self._at(step))
            return records, convert(truth_of(records), step)

        bank = self._at(first)[0].bank
        return self._tfdata.stream(make, bank, pixels, first, end, self._device)


class JaxExamples(Examples):
    """The same batches, but for rounding; their pixels are made by JAX, on its accelerator."""

    def stream(self, first, end, pixels, convert):
        from muspipe.data import jaxdata  # here, as not everyone has JAX

        def make(step):
            maker, epoch, rows = self._at(step)
            records = self.task.records(maker, epoch, rows)
            return makings_of(records), maker.bank, convert(truth_of(records), step)

        for makings, bank, rest in stream(make, first, end):
            yield {pixels: jaxdata.pixels(makings, bank)} | rest


def kind_of_examples() -> type[Examples]:
    """What makes batches fastest for the backend and its device."""
    if keras.backend.backend() == "tensorflow":
        return TensorFlowExamples
    if keras.backend.backend() == "jax":
        from muspipe.data import jaxdata

        return JaxExamples if jaxdata.accelerated() else Examples
    return Examples


def _filled(rows, n):
    """n examples of these rows; where they are not as many, crops (M, 3). A crop that is used again has another index,
    thus its own flip and noise."""
    if len(rows) == n:
        return rows
    filled = np.resize(rows, (n, 3))
    filled[:, 2] += np.arange(n) // len(rows) * len(rows)
    return filled


def input_rng(seed: int, *key: int) -> np.random.Generator:
    """The random stream of what a model draws when it makes its inputs of a batch. key: its step; of a drawn validation
    batch, the step and its own number."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_INPUTS, *key)))


def stream(make, first: int, end: int, n_threads: int | None = None) -> Iterator:
    """make(step) for each step from `first` to `end`, in order, some steps ahead, in background threads.

    What make raises is raised here. n_threads: default one for each core beyond two, up to 12.
    """
    n_threads = n_threads or min(12, max(1, (os.cpu_count() or 1) - 2))
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="examples")
    ahead: queue.Queue = queue.Queue()
    try:
        steps = iter(range(first, end))
        for step in itertools.islice(steps, n_threads + 2):
            ahead.put(pool.submit(make, step))
        while not ahead.empty():
            result = ahead.get().result()
            step = next(steps, None)
            if step is not None:
                ahead.put(pool.submit(make, step))
            yield result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
