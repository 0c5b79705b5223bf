"""Rule `fetch`: download a group of assets; unpack archives under the data root."""

from dubber.runner import run
from dubber.steps.fetch import fetch

if __name__ == "__main__":
    run(fetch)
