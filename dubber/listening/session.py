"""What the page asks of a listening test: a listener's trials, and to keep an answer. Nothing here knows of HTTP."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dubber.listening.answers import LISTENER, Answer, Submitted, answer_files, keep, latest, read_answers
from dubber.listening.definition import Item, ListeningTest, sound_file, trials

log = logging.getLogger(__name__)

NAME_RULE = "A listener's name has 1 to 32 letters (a to z), digits, - and _, and starts with a letter or a digit."


class Refused(Exception):
    """A request that is not served.

    Args:
        status: of the reply.
        reason: one sentence for a person.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        self.status, self.reason = status, reason
        super().__init__(reason)


class Session:
    """A test under way: `folder` holds its sounds and takes its answers."""

    def __init__(self, test: ListeningTest, folder: Path) -> None:
        self.test, self.folder = test, folder

    @cached_property
    def _items(self) -> dict[str, Item]:
        return {item.sample: item for item in self.test.items}

    @cached_property
    def _sounds(self) -> set[str]:
        return set(self._items) | {item.reference for item in self.test.items}

    def trials(self, listener: str | None) -> dict[str, Any]:
        """All that a listener's page needs to know; neither a system's name nor a clip's is in it.

        Raises:
            Refused: there is no such name.
        """
        name = listener_name(listener)
        given = {(answer.question, answer.sample): answer.value for answer in self._answers(name)}
        asked = [
            {
                "question": trial.question,
                "sample": trial.item.sample,
                "reference": trial.item.reference if trial.question == "similarity" else None,
                "value": given.get((trial.question, trial.item.sample)),
            }
            for trial in trials(self.test, name)
        ]
        log.info("%s: %d of %d answers", name, len(given), len(asked))
        return {"listener": name, "trials": asked}

    def _answers(self, listener: str) -> list[Answer]:
        found = [path for path in answer_files(self.folder) if path.stem == listener]
        return latest(answer for path in found for answer in read_answers(path))

    def keep(self, body: bytes) -> None:
        """Keep the answer that `body` states; it is on the disk when this returns.

        Raises:
            Refused: the body is not an answer to this test.
        """
        try:
            given = Submitted.model_validate_json(body)
        except ValidationError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, _reason(error)) from None
        if given.sample not in self._items:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such sample in this test.")
        item = self._items[given.sample]
        time = datetime.now(UTC).isoformat(timespec="seconds")
        keep(Answer(**given.model_dump(), system=item.system, clip=item.clip, time=time), self.folder)

    def sound(self, sound: str) -> bytes:
        """A sound of this test as a WAV file.

        Raises:
            Refused: it has none of this name.
        """
        if sound not in self._sounds:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such sound in this test.")
        return sound_file(self.folder, sound).read_bytes()


def listener_name(given: str | None) -> str:
    """The name under which answers are kept; capital letters are the same as small ones.

    Raises:
        Refused: it is missing, too long, or has other characters.
    """
    name = (given or "").strip().lower()
    if not re.fullmatch(LISTENER, name):
        raise Refused(HTTPStatus.BAD_REQUEST, NAME_RULE)
    return name


def _reason(error: ValidationError) -> str:
    """What is wrong with a body, without repeating it."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
