"""Phone times by forced alignment, and the alignment matrices (as run lengths) made from them.

In: audio shards. Out: work/<corpus>/align/<aligner>/<shard>.parquet, work/<corpus>/durations/<aligner>/<shard>.parquet.
"""


rule align:
    """Force-align a shard's clips with the embedded aligner: words, then phones."""
    input:
        manifest=ask(manifest),
        audio="work/{corpus}/audio/{shard}.parquet",
    output:
        shard="work/{corpus}/align/{aligner}/{shard}.parquet",
        failures="work/{corpus}/align/{aligner}/{shard}.failures.parquet",
    log:
        "logs/align/{corpus}/{aligner}/{shard}.log",
    benchmark:
        "benchmarks/rules/align/{corpus}/{aligner}/{shard}.tsv"
    wildcard_constraints:
        aligner=ALIGNERS["pocketsphinx"],
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=lambda w, attempt: 60 * attempt,
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.config.aligners[w.aligner]),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("align"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/align.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--audio {input.audio:q} --settings {params.settings:q} --max-failed-share {params.max_failed_share} "
        "--output {output.shard:q}"


rule align_mfa:
    """Force-align a shard's clips with the Montreal Forced Aligner, in its own environment."""
    input:
        manifest=ask(manifest),
        audio="work/{corpus}/audio/{shard}.parquet",
    output:
        shard="work/{corpus}/align/{aligner}/{shard}.parquet",
        failures="work/{corpus}/align/{aligner}/{shard}.failures.parquet",
    log:
        "logs/align_mfa/{corpus}/{aligner}/{shard}.log",
    benchmark:
        "benchmarks/rules/align_mfa/{corpus}/{aligner}/{shard}.tsv"
    wildcard_constraints:
        aligner=ALIGNERS["mfa"],
    conda:
        "../envs/mfa.yaml"
    threads: 4
    resources:
        mem_mb=lambda w, attempt: 8000 * attempt,
        runtime=lambda w, attempt: 240 * attempt,
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.config.aligners[w.aligner]),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("align_mfa"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/align_mfa.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--audio {input.audio:q} --settings {params.settings:q} --max-failed-share {params.max_failed_share} "
        "--jobs {threads} --output {output.shard:q}"


rule durations:
    """Turn phone times into run lengths of the alignment matrices: whole frames and whole tokens per phoneme."""
    input:
        manifest=ask(manifest),
        phones="work/{corpus}/align/{aligner}/{shard}.parquet",
        audio="work/{corpus}/audio/{shard}.parquet",
        crops=ask(crops_of),
    output:
        shard="work/{corpus}/durations/{aligner}/{shard}.parquet",
        failures="work/{corpus}/durations/{aligner}/{shard}.failures.parquet",
    log:
        "logs/durations/{corpus}/{aligner}/{shard}.log",
    benchmark:
        "benchmarks/rules/durations/{corpus}/{aligner}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=lambda w, attempt: 30 * attempt,
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.config.aligners[w.aligner]),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("durations"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/durations.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--phones {input.phones:q} --audio {input.audio:q} --crops {input.crops:q} --settings {params.settings:q} "
        "--max-failed-share {params.max_failed_share} --output {output.shard:q}"
