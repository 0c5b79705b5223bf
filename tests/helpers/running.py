"""A small listening test on disk, and `dubber listen` running on it as a process of its own."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dubber.listening.definition import (
    HeardSystem,
    Item,
    ListeningSettings,
    ListeningTest,
    folder_of,
    save_test,
    sound_file,
)
from dubber.media.audio import write_wav
from dubber.units import SAMPLE_RATE
from tests.conftest import ROOT

SYSTEMS = ("ground_truth", "codec", "full")
SECONDS = 0.4


def small_test(project: Path, *, clips: int = 3, systems: tuple[str, ...] = SYSTEMS) -> ListeningTest:
    """A test of the experiment `demo` in protocol 2.0, its sounds tones of `SECONDS`, written down under `project`."""
    folder = project / folder_of("demo", "2.0")
    names = [f"clip_{i}" for i in range(clips)]
    references = {clip: _sound(folder, "r", clip) for clip in names}
    items = [
        Item(system=system, clip=clip, sample=_sound(folder, system, clip), reference=references[clip])
        for system in systems
        for clip in names
    ]
    test = ListeningTest(
        settings=ListeningSettings(experiment="demo", systems=systems, samples=clips),
        systems=tuple(HeardSystem(system=system, fingerprint=f"run of {system}") for system in systems),
        items=tuple(items),
    )
    save_test(test, folder)
    return test


def _sound(folder: Path, *names: str) -> str:
    """Write a tone; its id is made from the names, so that tests can be repeated."""
    sound = hashlib.sha256("/".join(names).encode()).hexdigest()[:16]
    tone = 0.1 * np.sin(np.arange(int(SECONDS * SAMPLE_RATE)) / (10 + int(sound[0], 16)))
    write_wav(sound_file(folder, sound), tone.astype(np.float32))
    return sound


@dataclass(frozen=True)
class Running:
    """`dubber listen` at work."""

    process: subprocess.Popen[str]
    url: str

    def ask(self, path: str) -> Any:
        """What a GET returns, as JSON."""
        return self._exchange("GET", path)

    def answer(self, listener: str, trial: dict[str, Any], value: int) -> Any:
        """Post an answer to one of the listener's trials."""
        body = {"listener": listener, "question": trial["question"], "sample": trial["sample"], "value": value}
        return self._exchange("POST", "/answers", json.dumps(body))

    def _exchange(self, method: str, path: str, body: str | None = None) -> Any:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://").rstrip("/"), timeout=20)
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        assert reply.status in (200, 201), content
        return json.loads(content)


@contextmanager
def listening(
    project: Path, *options: str, experiment: str = "demo", port: int = 0, code: Path = ROOT
) -> Iterator[Running]:
    """Start `dubber listen` with the package in `code` in `project`; it is stopped at the end if it still runs."""
    command = [sys.executable, "-m", "dubber", "listen", "--experiment", experiment, "--port", str(port), *options]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    with subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.PIPE, text=True) as process:
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"http://\S+", line):
                break
        else:
            raise AssertionError(f"the server did not start:\n{said}")
        try:
            yield Running(process, found[0])
        finally:
            if process.poll() is None:
                process.terminate()
