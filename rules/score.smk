"""Scores: every metric of one system, protocol and shard, one row for each clip and metric.

In: dubs and the recordings. Out: results/<experiment>/scores/<system>/<protocol>/<shard>.parquet.
"""


rule fit_sync:
    """Fit the embedded lip-sync encoders on the training split's real pairs of lips and sound."""
    input:
        manifest=ask(experiment_manifest),
        crops=ask(lambda w: PLAN.experiment_step(w.experiment, "crops")),
        audio=ask(lambda w: PLAN.experiment_step(w.experiment, "audio")),
    output: weights="work/sync/{experiment}.safetensors"
    log: logs("fit_sync/{experiment}")
    benchmark: benchmarks("fit_sync/{experiment}")
    threads: 2
    resources: **growing(6000, 240)
    params: settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).sync)), code=code("fit_sync")
    shell: run("fit_sync")


rule score:
    """Measure a shard's dubs with every configured metric; a missing clip counts as a failure."""
    input:
        manifest=ask(experiment_manifest),
        dubs=ask(lambda w: PLAN.dubs_file(w.experiment, w.system, w.protocol, w.shard)),
        truth=rules.ground_truth.output.artifact,
        references=references("audio"),
        crops=experiment_shard("crops"),
        sync=ask(lambda w: PLAN.sync_files(w.experiment)),
    output: artifact="results/{experiment}/scores/{system}/{protocol}/{shard}.parquet"
    log: logs("score/{experiment}/{system}/{protocol}/{shard}")
    benchmark: benchmarks("score/{experiment}/{system}/{protocol}/{shard}")
    resources:
        mem_mb=lambda w, attempt: PLAN.scoring_memory(w.experiment) * attempt,
        runtime=lambda w, attempt: 120 * attempt,
    params:
        rows=ask(experiment_rows),
        metrics=ask(lambda w: as_json([m.model_dump(mode="json") for m in PLAN.experiment(w.experiment).metrics])),
        code=code("score"),
    shell: run("score")
