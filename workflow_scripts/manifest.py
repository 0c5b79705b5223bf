"""Rule `manifest`: list a corpus's clips, texts, splits and shards."""

from dubber.runner import run
from dubber.steps.manifest import manifest

if __name__ == "__main__":
    run(manifest)
