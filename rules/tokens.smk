"""The codec: analysis, fitting on the training split, tokens.

In: audio shards (and crops, which fix the length). Out: work/<corpus>/world/<codec>/<shard>.parquet,
work/codecs/<codec>/codec.safetensors, work/<corpus>/tokens/<codec>/<shard>.parquet.
"""


rule analyse:
    """WORLD analysis of a shard: pitch, mel-cepstrum and aperiodicity at 80 frames a second."""
    input:
        manifest=ask(manifest),
        audio="work/{corpus}/audio/{shard}.parquet",
        crops=ask(crops_of),
    output:
        shard="work/{corpus}/analysis/{codec}/{shard}.parquet",
        failures="work/{corpus}/analysis/{codec}/{shard}.failures.parquet",
    log:
        "logs/analyse/{corpus}/{codec}/{shard}.log",
    benchmark:
        "benchmarks/rules/analyse/{corpus}/{codec}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=120,
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.config.codecs[w.codec]),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("analyse"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/analyse.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--audio {input.audio:q} --crops {input.crops:q} --settings {params.settings:q} "
        "--max-failed-share {params.max_failed_share} --output {output.shard:q}"


rule fit_codec:
    """Fit the codebooks of the WORLD codec by k-means on training clips only."""
    input:
        analysis=ask(lambda w: fitted_on(PLAN.config.codecs[w.codec], "analysis", backend=w.codec)),
        manifests=ask(lambda w: manifests_of(PLAN.config.codecs[w.codec])),
    output:
        "work/codecs/{codec}/codec.safetensors",
    log:
        "logs/fit_codec/{codec}.log",
    benchmark:
        "benchmarks/rules/fit_codec/{codec}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=lambda w, attempt: 8000 * attempt,
        runtime=120,
    params:
        settings=lambda w: as_json(PLAN.config.codecs[w.codec]),
        code=code("fit_codec", "analyse", "audio"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/fit_codec.py --analysis {input.analysis:q} --manifests {input.manifests:q} "
        "--settings {params.settings:q} --output {output:q}"
