"""What the data of a training run cost: to open, to batch, and in padding.

    python benchmarks/training_data.py --clips 350000

Writes a file of simulated clips as `dubber.train.arrow` makes them (T lognormal with a median of 245 tokens, 3 s, as
in LibriTTS; stage 1), opens it in a process of its own, and makes batches of 16 and of 64 clips from it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dubber.model.settings import ModelSettings
from dubber.train.arrow import LISTS, schema
from dubber.train.batches import open_data
from dubber.train.sampler import LengthBuckets, padding_share

SHARD = 256
LONGEST = 1600
TOKENS_PER_PHONEME = 8


def write(path: Path, clips: int, seed: int = 0) -> None:
    """A file of simulated clips."""
    rng, columns, sizes = np.random.default_rng(seed), schema(video=False), ModelSettings()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, columns) as writer:
        for start in range(0, clips, SHARD):
            names = [f"{start:06d}_{i:03d}" for i in range(min(SHARD, clips - start))]
            lengths = rng.lognormal(5.5, 0.6, len(names)).astype(np.int64).clip(TOKENS_PER_PHONEME, LONGEST)
            writer.write(_shard(names, lengths, columns, sizes, rng))


def _shard(names, lengths, columns: pa.Schema, sizes: ModelSettings, rng: np.random.Generator) -> pa.RecordBatch:
    phonemes = -(-lengths // TOKENS_PER_PHONEME)
    durations = [np.bincount(np.arange(t) // TOKENS_PER_PHONEME).astype(np.int16) for t in lengths]
    values = {
        "ids": [rng.integers(0, sizes.vocab, 6 * t, dtype=np.int16) for t in lengths],
        "speaker": [np.zeros(sizes.speaker_dim, np.float32)] * len(names),
        "phonemes": [np.ones(n, np.int16) for n in phonemes],
        "token_durations": durations,
    }
    numbers = {"tokens": lengths, "frames": 0 * lengths, "highest_id": 0 * lengths, "highest_phoneme": 0 * lengths}
    known = {"clip": names, "split": ["train"] * len(names), **values, **numbers}
    arrays = [
        pa.array(known[name], LISTS[name].type if name in LISTS else columns.field(name).type) for name in columns.names
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=columns)


def measure(path: Path) -> dict[str, float]:
    """Figures of a process that opens the file; its memory before is not counted."""
    before, start, own = resident(), time.perf_counter(), time.process_time()
    data = open_data(path, ModelSettings(), LONGEST).train
    lengths = data.lengths
    found = {
        "clips": len(data),
        "seconds to open": time.perf_counter() - start,
        "of them its own": time.process_time() - own,
    }
    found["MB"] = resident() - before
    for size in (16, 64):
        sampler = LengthBuckets(lengths, size, 0)
        batches = [sampler.batch(step) for step in range(sampler.batches_per_epoch)]
        found[f"padding, batches of {size}"] = padding_share(batches, lengths)
        start = time.process_time()
        for batch in batches[:20]:
            data.batch(batch)
        found[f"ms a batch of {size}"] = 50 * (time.process_time() - start)
    return found


def resident() -> float:
    """MB of this process that are in memory."""
    kilobytes = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(kilobytes.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=350_000)
    parser.add_argument("--open", type=Path, help="measure this file instead")
    args = parser.parse_args()
    if args.open:
        print(json.dumps(measure(args.open)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.arrow"
        write(path, args.clips)
        print(f"file: {path.stat().st_size / 2**30:.2f} GiB")
        child = subprocess.run([sys.executable, __file__, "--open", path], check=True, capture_output=True, text=True)
    for name, value in json.loads(child.stdout).items():
        print(f"{name}: {value:.3g}" if isinstance(value, float) else f"{name}: {value}")


if __name__ == "__main__":
    main()
