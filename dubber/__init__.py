"""dubber: automated video dubbing by discrete flow matching (DiFlowDubber).

`dubber.load(run).dub(video, text, reference).save(output)`: see docs/guide/dubbing.md.
"""

import importlib

__version__ = "0.1.0"

# Looked up when first asked for, so that `import dubber` loads nothing else. Types stand in __init__.pyi.
_LAZY = {"load": "dubber.dub.load", "VideoDubber": "dubber.dub.video", "DubbedVideo": "dubber.dub.dubbed"}

__all__ = ["DubbedVideo", "VideoDubber", "load"]


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module 'dubber' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
