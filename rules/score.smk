"""Scores, one row for each clip and metric: results/<experiment>/scores/<system>/<protocol>/<shard>.parquet."""

from dubber.metrics.settings import measured, needed, needs_sync_encoders, scoring_memory

metrics_of = lambda w: measured(experiment_of(w).metrics)
metric_weights = checked(lambda w: sum(map(weights, needed(metrics_of(w))), []))


rule fit_sync:
    """Fit the embedded lip-sync encoders on the training split's real pairs of lips and sound."""
    input: crops=made_by(rules.crops), audio=made_by(rules.audio)
    output: weights="work/sync/{experiment}.safetensors"
    log: logs("fit_sync/{experiment}")
    benchmark: benchmarks("fit_sync/{experiment}")
    threads: 2
    resources: **growing(6000, 240)
    params: manifest=manifest, settings=lambda w: as_json(experiment_of(w).sync), code=code("fit_sync")
    shell: run("fit_sync")


rule score:
    """Measure a shard's dubs with every configured metric; a missing clip counts as a failure."""
    input:
        dubs=lambda w: speech(w.experiment, [(w.system, w.protocol)], w.shard),
        truth=rules.ground_truth.output.artifact,
        references=made_by(rules.audio, references),
        crops=made_by(rules.crops, this_shard),
        sync=lambda w: expanded(rules.fit_sync.output.weights, **w) if needs_sync_encoders(metrics_of(w)) else [],
        weights=metric_weights,
    output: artifact="results/{experiment}/scores/{system}/{protocol}/{shard}.parquet"
    log: logs("score/{experiment}/{system}/{protocol}/{shard}")
    benchmark: benchmarks("score/{experiment}/{system}/{protocol}/{shard}")
    resources: **{**growing(0, 120), "mem_mb": lambda w, attempt: scoring_memory(metrics_of(w)) * attempt}
    params:
        manifest=manifest, rows=rows, code=code("score"),
        metrics=lambda w: as_json(metrics_of(w)),
        stamps=lambda w: assets.stamp(metric_weights(w)),
    shell: run("score")
