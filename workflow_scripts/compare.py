"""Rule `compare`: paired tests of every system against one."""

from dubber.runner import run
from dubber.steps.compare import compare

if __name__ == "__main__":
    run(compare)
