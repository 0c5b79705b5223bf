"""Scores: every metric of one system, setting and shard, one row per clip and metric.

In: dubs and the recordings. Out: results/<experiment>/scores/<system>/<setting>/<shard>.parquet.
"""


rule score:
    """Measure a shard's dubs with every configured metric; a missing clip counts as a failure."""
    input:
        manifest=ask(experiment_manifest),
        dubs=ask(lambda w: PLAN.dubs_file(w.experiment, w.system, w.setting, w.shard)),
        truth="results/{experiment}/dubs/ground_truth/{shard}.parquet",
        references=references("audio"),
    output:
        "results/{experiment}/scores/{system}/{setting}/{shard}.parquet",
    log:
        "logs/score/{experiment}/{system}/{setting}/{shard}.log",
    benchmark:
        "benchmarks/rules/score/{experiment}/{system}/{setting}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 4000 * attempt,
        runtime=120,
    params:
        rows=ask(experiment_rows),
        metrics=ask(lambda w: as_json([m.model_dump(mode="json") for m in PLAN.experiment(w.experiment).metrics])),
        code=code("score"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/score.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--setting {wildcards.setting} --dubs {input.dubs:q} --truth {input.truth:q} "
        "--references {input.references:q} --settings {params.metrics:q} --output {output:q}"
