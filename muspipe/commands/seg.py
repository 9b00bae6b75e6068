"""`muspipe-train seg`: train the segmentation network (territories)."""

from __future__ import annotations

import argparse

from muspipe.commands.training import add_training_arguments, train


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_training_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0; raises InputError for what the user can mend."""
    return train(args, "seg")
