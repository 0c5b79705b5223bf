"""Scores: every metric of one system, protocol and shard, one row per clip and metric.

In: dubs and the recordings. Out: results/<experiment>/scores/<system>/<protocol>/<shard>.parquet.
"""


rule fit_sync:
    """Fit the embedded lip-sync encoders on the training split's real pairs of lips and sound."""
    input:
        manifest=ask(experiment_manifest),
        crops=ask(lambda w: PLAN.experiment_step(w.experiment, "crops")),
        audio=ask(lambda w: PLAN.experiment_step(w.experiment, "audio")),
    output:
        "work/sync/{experiment}.safetensors",
    log:
        "logs/fit_sync/{experiment}.log",
    benchmark:
        "benchmarks/rules/fit_sync/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=lambda w, attempt: 6000 * attempt,
        runtime=lambda w, attempt: 240 * attempt,
    params:
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).sync)),
        code=code("fit_sync"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/fit_sync.py --manifest {input.manifest:q} --crops {input.crops:q} "
        "--audio {input.audio:q} --settings {params.settings:q} --threads {threads} --output {output:q}"


rule score:
    """Measure a shard's dubs with every configured metric; a missing clip counts as a failure."""
    input:
        manifest=ask(experiment_manifest),
        dubs=ask(lambda w: PLAN.dubs_file(w.experiment, w.system, w.protocol, w.shard)),
        truth="results/{experiment}/dubs/ground_truth/any/{shard}.parquet",
        references=references("audio"),
        crops=experiment_shard("crops"),
        sync=ask(lambda w: PLAN.sync_files(w.experiment)),
    output:
        "results/{experiment}/scores/{system}/{protocol}/{shard}.parquet",
    log:
        "logs/score/{experiment}/{system}/{protocol}/{shard}.log",
    benchmark:
        "benchmarks/rules/score/{experiment}/{system}/{protocol}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: PLAN.scoring_memory(w.experiment) * attempt,
        runtime=lambda w, attempt: 120 * attempt,
    params:
        rows=ask(experiment_rows),
        metrics=ask(lambda w: as_json([m.model_dump(mode="json") for m in PLAN.experiment(w.experiment).metrics])),
        code=code("score"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/score.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--protocol {wildcards.protocol} --dubs {input.dubs:q} --truth {input.truth:q} "
        "--references {input.references:q} --crops {input.crops:q} --sync {input.sync:q} --settings {params.metrics:q} --output {output:q}"
