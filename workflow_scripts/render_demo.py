"""Rule `render_demo`: render one shard of the demo corpus and write down its exact times."""

from dubber.runner import run
from dubber.steps.render_demo import render_demo

if __name__ == "__main__":
    run(render_demo)
