"""Inference: speech for the test clips of a shard, by our runs, by other systems, and by the two that bound them.

Out: results/<experiment>/dubs/<system>/<protocol>/<shard>.parquet, the same format for every system.
"""


rule dub:
    """Dub a shard's test clips: silent video, text and the protocol's reference voice to speech."""
    input:
        manifest=ask(experiment_manifest),
        model=rules.stage2.output.model,
        features=experiment_shard("features"),
        tokens=experiment_shard("tokens"),
        voices=references("tokens"),
        codec_files=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
    output: **shard_files("results/{experiment}/dubs/{run}/{protocol}")
    log: logs("dub/{experiment}/{run}/{protocol}/{shard}")
    benchmark: benchmarks("dub/{experiment}/{run}/{protocol}/{shard}")
    wildcard_constraints: run=PLAN.students()
    resources: gpu=1, **growing(6000, 240)
    params:
        rows=ask(experiment_rows),
        settings=ask(lambda w: as_json(PLAN.synthesis(w.experiment, w.run))),
        codec=ask(lambda w: as_json(PLAN.codec_of(w.experiment))),
        max_failed_share=SHARE,
        code=code("dub"),
    shell: run("dub")


use rule dub as dub_nfe with:
    # The full system's dubs with another number of evaluations of the denoiser (Table 4).
    input:
        manifest=ask(experiment_manifest),
        model="runs/{experiment}/full/model.safetensors",
        features=experiment_shard("features"),
        tokens=experiment_shard("tokens"),
        voices=references("tokens"),
        codec_files=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
    output: **shard_files("results/{experiment}/dubs/nfe_{nfe}/{protocol}")
    log: logs("dub_nfe/{experiment}/{nfe}/{protocol}/{shard}")
    benchmark: benchmarks("dub_nfe/{experiment}/{nfe}/{protocol}/{shard}")
    wildcard_constraints: nfe=r"[1-9][0-9]*"
    params:
        rows=ask(experiment_rows),
        settings=ask(lambda w: as_json(PLAN.synthesis(w.experiment, "full", int(w.nfe)))),
        codec=ask(lambda w: as_json(PLAN.codec_of(w.experiment))),
        max_failed_share=SHARE,
        code=code("dub"),


rule external:
    """Another system's speech for a shard's test clips, from the folder that the configuration names."""
    input: manifest=ask(experiment_manifest)
    output: **shard_files("results/{experiment}/dubs/{system}/{protocol}")
    log: logs("external/{experiment}/{system}/{protocol}/{shard}")
    benchmark: benchmarks("external/{experiment}/{system}/{protocol}/{shard}")
    wildcard_constraints: system=PLAN.external_names()
    resources: **growing(2000, 30)
    params:
        rows=ask(experiment_rows),
        folder=ask(lambda w: PLAN.external_folder(w.experiment, w.system, w.protocol).as_posix()),
        files=ask(lambda w: PLAN.external_digest(w.experiment, w.system, w.protocol, w.shard)),
        max_failed_share=1.0,  # what another system does not deliver is its failure, not ours
        code=code("external"),
    shell: run("external")


rule resynthesise:
    """What the codec alone makes of a shard's test clips: the upper bound of every dub."""
    input:
        manifest=ask(experiment_manifest),
        tokens=experiment_shard("tokens"),
        codec_files=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
    output: **shard_files("results/{experiment}/dubs/codec/any")
    log: logs("resynthesise/{experiment}/{shard}")
    benchmark: benchmarks("resynthesise/{experiment}/{shard}")
    resources: **growing(4000, 60)
    params:
        rows=ask(experiment_rows),
        codec=ask(lambda w: as_json(PLAN.codec_of(w.experiment))),
        max_failed_share=SHARE,
        code=code("resynthesise"),
    shell: run("resynthesise")


rule ground_truth:
    """The recordings of a shard's test clips, cut to the length of their video."""
    input: manifest=ask(experiment_manifest), audio=experiment_shard("audio"), crops=experiment_shard("crops")
    output: **shard_files("results/{experiment}/dubs/ground_truth/any")
    log: logs("ground_truth/{experiment}/{shard}")
    benchmark: benchmarks("ground_truth/{experiment}/{shard}")
    resources: **growing(2000, 30)
    params: rows=ask(experiment_rows), max_failed_share=SHARE, code=code("ground_truth")
    shell: run("ground_truth")


rule attention:
    """Gather the attention maps of some test clips, with the aligner's durations to draw over them."""
    input:
        dubs=ask(lambda w: PLAN.run_dubs(w.experiment)),
        durations=ask(lambda w: PLAN.experiment_step(w.experiment, "durations", PLAN.test_shards_of(w.experiment))),
    output: artifact="results/{experiment}/attention.parquet"
    log: logs("attention/{experiment}")
    benchmark: benchmarks("attention/{experiment}")
    localrule: True
    resources: mem_mb=2000, runtime=15
    params: code=code("attention")
    shell: run("attention")
