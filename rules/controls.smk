"""Control systems: each must be worse in one respect, or the model ignores an input, or a metric ignores the speech.

`results/<experiment>_controls.csv` gathers them: shifted, same_voice, text_only, other_video, other_voice, other_text.
"""

from dubber.experiment import SWAPS


rule shifted:
    """The recordings of a shard's test clips, 0.32 s late: a sync metric must find them worse than a dub in time."""
    input: truth=rules.ground_truth.output.artifact
    output: **dubs("shifted")
    log: logs("shifted/{experiment}/{protocol}/{shard}")
    benchmark: benchmarks("shifted/{experiment}/{protocol}/{shard}")
    resources: **growing(2000, 30)
    params: **clips("shifted")
    shell: run("shifted")


rule same_voice:
    """Another recording of each test clip's speaker: how similar a voice is to itself when it says something else."""
    input: truth=rules.ground_truth.output.artifact, references=made_by(rules.audio, lambda w: references(w, "2.0"))
    output: **dubs("same_voice")
    log: logs("same_voice/{experiment}/{protocol}/{shard}")
    benchmark: benchmarks("same_voice/{experiment}/{protocol}/{shard}")
    resources: **growing(2000, 30)
    params: **clips("same_voice")
    shell: run("same_voice")


rule text_only:
    """Stage 1 alone speaks the texts of a shard's test clips; of the video it knows the length."""
    input:
        model=rules.stage1.output.model,
        crops=made_by(rules.crops, this_shard),
        voices=made_by(rules.tokens, references),
        codec_files=checked(codec_files),
    output: **dubs(TEXT_ONLY)
    log: logs("text_only/{experiment}/{protocol}/{shard}")
    benchmark: benchmarks("text_only/{experiment}/{protocol}/{shard}")
    resources: gpu=1, **growing(6000, 240)
    params: **speaking("text_only")
    shell: run("text_only")


def tests_and_references(wildcards):
    """Shards that hold all test clips, and in protocol 2.0 their reference speech."""
    manifest, tests = manifest_of(wildcards), test_shards(wildcards)
    return sorted({*tests, *sum((manifest.reference_shards(shard, wildcards.protocol) for shard in tests), [])})


rule control:
    """Dub a shard's test clips with the full system and one input of another test clip: its video, voice or text.

    The other clip may be in any test shard, and which one it is depends on all test clips of the corpus.
    """
    input:
        model=model_of,
        features=made_by(rules.features, test_shards),
        tokens=made_by(rules.tokens, tests_and_references),
        codec_files=checked(codec_files),
    output: **dubs("{system}")
    log: logs("control/{experiment}/{system}/{protocol}/{shard}")
    benchmark: benchmarks("control/{experiment}/{system}/{protocol}/{shard}")
    wildcard_constraints: system="|".join(SWAPS)
    resources: gpu=1, **growing(6000, 240)
    params: **speaking("control"), tests=lambda w: manifest_of(w).tests_digest()
    shell: run("control")
