"""GPUs of this machine: each computes for one job at a time.

Snakemake counts GPUs but does not assign them, and knows nothing of other users. So every job that computes on a GPU
leases it: it locks a file that is named by the card's UUID. The lease ends with the process; torchrun, which takes the
place of the process that leases, keeps it.
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from itertools import count as attempts
from pathlib import Path

from filelock import lock_descriptor

from dubber.errors import ConfigError

log = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
SHARE = "DUBBER_SHARE_GPUS"  # set to 1 by a person who wants several jobs on one card
POLL = 1.0  # seconds
_LIST = "import torch; [print(torch.cuda.get_device_properties(i).uuid) for i in range(torch.cuda.device_count())]"


def lease_gpus(count: int, device: str = "auto") -> None:
    """Take `count` cards for this process and show it no others; wait while they are taken.

    Must be called before CUDA is used. With `device: cpu`, and where there are no cards, nothing happens.

    Args:
        count: cards that are needed at once.
        device: as in the configuration; "cuda:<n>" leases this one card, and leaves the others visible.

    Raises:
        ConfigError: there are fewer cards than are needed.
    """
    if device == "cpu" or os.environ.get(SHARE) == "1" or not (cards := visible_cards()):
        return
    _, named, number = device.partition(":")
    wanted = list(cards)[int(number) : int(number) + 1] if named else list(cards)
    if count > len(wanted):
        raise ConfigError(
            f"This job needs {count} GPU(s), and may use {len(wanted)} here.",
            looked_at=f"device: {device}; {VISIBLE}={os.environ.get(VISIBLE)}",
            hint="Set `processes` of the stage to the number of GPUs of one machine, or ask the cluster for more.",
        )
    leased = _lease({name: cards[name] for name in wanted}, count)
    if not named:
        os.environ[VISIBLE] = ",".join(leased)
    log.info("computes on GPU %s", ", ".join(f"{name} ({cards[name]})" for name in leased))


def visible_cards() -> dict[str, str]:
    """The cards that CUDA shows to this process: name in CUDA_VISIBLE_DEVICES -> UUID. None without CUDA."""
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return {}
    # In another process: once CUDA has looked at the cards, it no longer reads the environment.
    listed = subprocess.run([sys.executable, "-c", _LIST], capture_output=True, text=True, check=False)
    uuids = listed.stdout.split()
    names = os.environ[VISIBLE].split(",") if VISIBLE in os.environ else list(map(str, range(len(uuids))))
    return {name.strip(): uuid for name, uuid in zip(names, uuids, strict=False)}


def _lease(cards: dict[str, str], count: int) -> list[str]:
    """Lock `count` of the cards, all at once or none, so that two jobs never wait for each other's."""
    for attempt in attempts():
        locks: dict[str, int] = {}
        for name, uuid in cards.items():
            if len(locks) < count and (lock := _lock(uuid)) is not None:
                locks[name] = lock
        if len(locks) == count:
            break  # the descriptors stay open: the lease lasts as long as the process
        for lock in locks.values():
            os.close(lock)
        if attempt == 0:
            log.warning("other jobs compute on the GPUs: waiting until %d of %d are free", count, len(cards))
        time.sleep(POLL * random.uniform(0.5, 1.5))  # two that wait must not try at the same moments for ever
    return list(locks)


def _lock(uuid: str) -> int | None:
    """An open descriptor that holds the lock of a card; None if another job has it."""
    path, flags = Path(tempfile.gettempdir()) / f"dubber-gpu-{uuid}.lock", os.O_RDONLY | os.O_NOFOLLOW
    try:
        lock = os.open(path, flags)  # reading is enough, since the file may be another user's
    except FileNotFoundError:
        lock = os.open(path, flags | os.O_CREAT, 0o644)
    if not lock_descriptor(lock, blocking=False):
        os.close(lock)
        return None
    os.set_inheritable(lock, True)
    return lock
