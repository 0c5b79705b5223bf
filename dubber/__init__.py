"""dubber: automated video dubbing by discrete flow matching (DiFlowDubber).

`dubber.load(run).dub(video, words, reference).save(output)`: see docs/guide/dubbing.md.
"""

import importlib

__version__ = "0.2.0"

# Imported at first use, so that `import dubber` loads nothing else. Types are in __init__.pyi.
_LAZY = {
    "load": "dubber.dub.load",
    "read_subtitles": "dubber.dub.cues",
    "Cue": "dubber.dub.cues",
    "VideoDubber": "dubber.dub.video",
    "DubbedVideo": "dubber.dub.dubbed",
}

__all__ = ["Cue", "DubbedVideo", "VideoDubber", "load", "read_subtitles"]


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module 'dubber' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
