"""Files of a clock that was put back."""

from __future__ import annotations

import os
import time

from dubber.clock import redate


def test_only_files_of_the_future_are_dated_anew(tmp_path):
    now = time.time()
    times = {"old": now - 1000, "soon": now + 5, "tomorrow": now + 86_400}
    for name, moment in times.items():
        path = tmp_path / "a" / "b" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        os.utime(path, (moment, moment))
    assert redate([tmp_path, tmp_path / "absent"]) == 1
    dated = {name: (tmp_path / "a" / "b" / name).stat().st_mtime for name in times}
    assert abs(dated["tomorrow"] - now) < 30
    assert (dated["old"], dated["soon"]) == (times["old"], times["soon"])
    assert redate([tmp_path]) == 0
