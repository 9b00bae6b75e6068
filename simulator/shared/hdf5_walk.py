"""What hdf5.py has run by a process of its own: it goes through HDF5 files, and dies of those that are damaged so.

    python -P hdf5_walk.py LIMIT_S IDLE_S

Paths come as lines of JSON; "done" is said of each that it survived, whether or not it could be read: that is for the
reader to say. Signals end it: SIGPROF after LIMIT_S of processor time in one object, SIGALRM after IDLE_S without a
file. It ends with its parent, too, as the lines then do. It imports nothing of ours, to start fast.
"""

import contextlib
import json
import signal
import sys

import h5py

MOST_TEXTS = 100_000
"""Longer arrays of texts or of arrays are not read: no reader of ours does."""


def main():
    limit_s, idle_s = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from the keyboard: the parent decides
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)  # whatever the parent does with them
    say("ready")
    signal.alarm(idle_s)
    for line in sys.stdin:
        signal.alarm(0)
        walk(json.loads(line), lambda: signal.setitimer(signal.ITIMER_PROF, limit_s))
        signal.setitimer(signal.ITIMER_PROF, 0)
        say("done")
        signal.alarm(idle_s)


def say(word):
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def walk(path, set_clock):
    """Everything in a file but its numbers; set_clock() is called at each object."""
    set_clock()
    with contextlib.suppress(Exception), h5py.File(path, "r") as file:
        with contextlib.suppress(Exception):
            file.visititems(lambda name, item: set_clock() and None)  # as stores.py does
        waiting, seen = [file], set()
        while waiting:  # on by hand, as the library's way ends at the first object that cannot be opened
            item = waiting.pop()
            with contextlib.suppress(Exception):
                address = h5py.h5o.get_info(item.id).addr
                if address in seen:
                    continue
                seen.add(address)
                set_clock()
                look(item)
                if isinstance(item, h5py.Group):
                    waiting += inside(item)


def look(item):
    """The attributes, and of an array its texts and where its parts are."""
    for name in list(item.attrs):
        with contextlib.suppress(Exception):
            item.attrs[name]
    if isinstance(item, h5py.Dataset):
        with contextlib.suppress(Exception):
            if item.dtype.hasobject and item.size <= MOST_TEXTS:
                item[()]
        if item.chunks:
            item.id.chunk_iter(lambda _: None)


def inside(group):
    """What can be opened."""
    for name in list(group):
        with contextlib.suppress(Exception):
            if isinstance(group.get(name, getlink=True), h5py.HardLink):
                yield group[name]


if __name__ == "__main__":
    main()
