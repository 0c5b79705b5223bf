"""GPUs of this machine, each of which computes for one job at a time.

Snakemake only counts GPUs; which of them a job takes, nobody says. So every job that computes on one leases it: a lock
of the operating system per card, which ends with the processes that hold it, however they end. The lock has the card's
own name (its UUID), so it does not matter whether two jobs are of one workflow, nor how each numbers the cards.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dubber.errors import ConfigError

log = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
LEASED = "DUBBER_LEASED_GPUS"  # lock files of the cards that this process's parent has leased for it
SHARE = "DUBBER_SHARE_GPUS"  # set to 1 by a person who wants several jobs on one card
POLL = 1.0  # seconds
_LIST = "import torch; [print(torch.cuda.get_device_properties(i).uuid) for i in range(torch.cuda.device_count())]"

_held: list[int] = []  # file descriptors: a lease lasts as long as the process


@dataclass(frozen=True)
class Card:
    """A GPU that this process may use.

    Attributes:
        name: what CUDA_VISIBLE_DEVICES calls it here.
        uuid: what it is called everywhere on this machine.
    """

    name: str
    uuid: str


def count_gpus() -> int:
    """Cards that this process may use, without asking their driver: cheap enough for planning."""
    if VISIBLE in os.environ:
        return len(_named())
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def lease_gpus(count: int, device: str = "auto") -> None:
    """Take `count` cards for this process and its children, and show it no others; wait while they are taken.

    Must be called before CUDA is used. Where there are no cards, and with `device: cpu`, nothing happens.

    Args:
        count: cards that are needed at once.
        device: as in the configuration; "cuda:<n>" leases this one card.

    Raises:
        ConfigError: there are fewer cards than are needed.
    """
    if device == "cpu" or os.environ.get(SHARE) == "1":
        return
    cards = visible_cards()
    if not cards:
        return
    wanted = _chosen(cards, device)
    if count > len(wanted):
        raise ConfigError(
            f"This job needs {count} GPU(s) of its own, and may use {len(wanted)} here.",
            looked_at=f"device: {device}; {VISIBLE}={os.environ.get(VISIBLE)}",
            hint="Set `processes` of the stage to the number of GPUs of one machine, or ask the cluster for more.",
        )
    leased = _wait_for(wanted, count)
    if device in ("auto", "cuda"):
        os.environ[VISIBLE] = ",".join(card.name for card in leased)
    os.environ[LEASED] = os.pathsep.join(str(_lock_file(card)) for card in leased)
    log.info("computes on GPU %s", ", ".join(f"{card.name} ({card.uuid})" for card in leased))


def hold_leased() -> None:
    """Hold the cards that the parent has leased for its children: they stay taken if it dies before them."""
    for path in filter(None, os.environ.get(LEASED, "").split(os.pathsep)):
        lock = _open(Path(path))
        fcntl.flock(lock, fcntl.LOCK_SH)
        _held.append(lock)


def visible_cards() -> list[Card]:
    """The cards that CUDA shows to this process; none for a build of PyTorch without CUDA."""
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return []
    # In a process of its own: once CUDA has looked at the cards, it no longer heeds the environment.
    listed = subprocess.run([sys.executable, "-c", _LIST], capture_output=True, text=True, check=False)
    uuids = listed.stdout.split()
    names = _named() if VISIBLE in os.environ else [str(number) for number in range(len(uuids))]
    return [Card(name, uuid) for name, uuid in zip(names, uuids, strict=False)]


def _named() -> list[str]:
    """What stands in CUDA_VISIBLE_DEVICES, up to the first entry that hides the rest."""
    names = [name.strip() for name in os.environ[VISIBLE].split(",")]
    end = next((i for i, name in enumerate(names) if name in ("", "-1", "NoDevFiles")), len(names))
    return names[:end]


def _chosen(cards: Sequence[Card], device: str) -> Sequence[Card]:
    """The cards that `device` allows; none if it is the number of a card that is not there."""
    if ":" not in device:
        return cards
    number = int(device.split(":")[1])
    return cards[number : number + 1]


def _wait_for(cards: Sequence[Card], count: int) -> list[Card]:
    """Lock `count` of the cards, all at once or none, so that two jobs never wait for each other's."""
    said = False
    while True:
        leased, locks = _take(cards, count)
        if len(leased) == count:
            _held.extend(locks)
            return leased
        for lock in locks:
            os.close(lock)
        if not said:
            log.warning("other jobs compute on the GPUs: waiting until %d of %d are free", count, len(cards))
            said = True
        time.sleep(POLL * random.uniform(0.5, 1.5))  # two that wait must not try at the same moments for ever


def _take(cards: Sequence[Card], count: int) -> tuple[list[Card], list[int]]:
    """Up to `count` cards that nobody has, and the locks on them."""
    leased: list[Card] = []
    locks: list[int] = []
    for card in cards:
        if len(leased) < count and (lock := _try_lease(card)) is not None:
            leased.append(card)
            locks.append(lock)
    return leased, locks


def _try_lease(card: Card) -> int | None:
    """A shared lock on a card that nobody had a lock on; None if somebody had.

    Shared, so that the children can hold the card beside this process, and keep it if they outlive it.
    """
    lock = _open(_lock_file(card))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # not atomic: somebody may have come between
    except BlockingIOError:
        os.close(lock)
        return None
    os.set_inheritable(lock, True)  # torchrun takes the place of this process
    return lock


def _lock_file(card: Card) -> Path:
    return Path(tempfile.gettempdir()) / f"dubber-gpu-{card.uuid}.lock"


def _open(path: Path) -> int:
    """A descriptor to lock; to read is enough, since the file may be another user's."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CREAT, 0o644)
