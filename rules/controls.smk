"""Control systems: speech that must be worse in one respect each, or the model ignores an input, or a metric the speech.

Out: results/<experiment>/dubs/<control>/<protocol>/<shard>.parquet, which `results/<experiment>_controls.csv` gathers. The
controls are shifted, same_voice, text_only, other_video, other_voice and other_text.
"""


rule shifted:
    """The recordings of a shard's test clips, 0.32 s late: a sync metric must find them worse than a dub in time."""
    input: manifest=ask(experiment_manifest), truth=rules.ground_truth.output.artifact
    output: **shard_files("results/{experiment}/dubs/shifted/{protocol}")
    log: logs("shifted/{experiment}/{protocol}/{shard}")
    benchmark: benchmarks("shifted/{experiment}/{protocol}/{shard}")
    resources: **growing(2000, 30)
    params: rows=ask(experiment_rows), max_failed_share=SHARE, code=code("shifted")
    shell: run("shifted")


rule same_voice:
    """Another recording of each test clip's speaker: how similar a voice is to itself when it says something else."""
    input:
        manifest=ask(experiment_manifest),
        truth=rules.ground_truth.output.artifact,
        references=ask(lambda w: PLAN.reference_files(w.experiment, "audio", w.shard, "2.0")),
    output: **shard_files("results/{experiment}/dubs/same_voice/{protocol}")
    log: logs("same_voice/{experiment}/{protocol}/{shard}")
    benchmark: benchmarks("same_voice/{experiment}/{protocol}/{shard}")
    resources: **growing(2000, 30)
    params: rows=ask(experiment_rows), max_failed_share=SHARE, code=code("same_voice")
    shell: run("same_voice")


rule text_only:
    """Stage 1 alone speaks the texts of a shard's test clips; of the video it knows the length."""
    input:
        manifest=ask(experiment_manifest),
        model=rules.stage1.output.model,
        crops=experiment_shard("crops"),
        voices=references("tokens"),
        codec_files=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
    output: **shard_files("results/{experiment}/dubs/text_only/{protocol}")
    log: logs("text_only/{experiment}/{protocol}/{shard}")
    benchmark: benchmarks("text_only/{experiment}/{protocol}/{shard}")
    resources: gpu=1, **growing(6000, 240)
    params:
        rows=ask(experiment_rows),
        settings=ask(lambda w: as_json(PLAN.synthesis(w.experiment, "full"))),
        codec=ask(lambda w: as_json(PLAN.codec_of(w.experiment))),
        max_failed_share=SHARE,
        code=code("text_only"),
    shell: run("text_only")


rule control:
    """Dub a shard's test clips with the full system and one input of another test clip: its video, voice or text.

    The other clip may be in any test shard, and which one it is depends on all test clips of the corpus.
    """
    input:
        manifest=ask(experiment_manifest),
        model="runs/{experiment}/full/model.safetensors",
        features=ask(lambda w: PLAN.test_files(w.experiment, "features")),
        tokens=ask(lambda w: PLAN.test_files(w.experiment, "tokens", w.protocol)),
        codec_files=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
    output: **shard_files("results/{experiment}/dubs/{swap}/{protocol}")
    log: logs("control/{experiment}/{swap}/{protocol}/{shard}")
    benchmark: benchmarks("control/{experiment}/{swap}/{protocol}/{shard}")
    wildcard_constraints: swap=SWAPS
    resources: gpu=1, **growing(6000, 240)
    params:
        rows=ask(experiment_rows),
        tests=ask(lambda w: PLAN.tests_digest(w.experiment)),
        settings=ask(lambda w: as_json(PLAN.synthesis(w.experiment, "full"))),
        codec=ask(lambda w: as_json(PLAN.codec_of(w.experiment))),
        max_failed_share=SHARE,
        code=code("control"),
    shell: run("control")
