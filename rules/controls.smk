"""Control systems: speech that must be worse in one respect each, or the model ignores an input, or a metric the speech.

Out: results/<experiment>/dubs/<control>/<protocol>/<shard>.parquet, which `results/<experiment>_controls.csv` gathers; the
controls are shifted, same_voice, text_only, other_video, other_voice and other_text.
"""


rule shifted:
    """The recordings of a shard's test clips, 0.32 s late: what a sync metric must find worse than a dub in time."""
    input:
        manifest=ask(experiment_manifest),
        truth="results/{experiment}/dubs/ground_truth/any/{shard}.parquet",
    output:
        shard="results/{experiment}/dubs/shifted/{protocol}/{shard}.parquet",
        failures="results/{experiment}/dubs/shifted/{protocol}/{shard}.failures.parquet",
    log:
        "logs/shifted/{experiment}/{protocol}/{shard}.log",
    benchmark:
        "benchmarks/rules/shifted/{experiment}/{protocol}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=lambda w, attempt: 30 * attempt,
    params:
        rows=ask(experiment_rows),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("shifted"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/shifted.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--truth {input.truth:q} --max-failed-share {params.max_failed_share} --output {output.shard:q}"


rule same_voice:
    """Another recording of each test clip's speaker: how alike one voice is to itself when it says something else."""
    input:
        manifest=ask(experiment_manifest),
        truth="results/{experiment}/dubs/ground_truth/any/{shard}.parquet",
        references=ask(lambda w: PLAN.reference_files(w.experiment, "audio", w.shard, "2.0")),
    output:
        shard="results/{experiment}/dubs/same_voice/{protocol}/{shard}.parquet",
        failures="results/{experiment}/dubs/same_voice/{protocol}/{shard}.failures.parquet",
    log:
        "logs/same_voice/{experiment}/{protocol}/{shard}.log",
    benchmark:
        "benchmarks/rules/same_voice/{experiment}/{protocol}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=lambda w, attempt: 30 * attempt,
    params:
        rows=ask(experiment_rows),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("same_voice"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/same_voice.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--truth {input.truth:q} --references {input.references:q} "
        "--max-failed-share {params.max_failed_share} --output {output.shard:q}"


rule text_only:
    """Stage 1 alone speaks the texts of a shard's test clips; of the video it is told the length."""
    input:
        manifest=ask(experiment_manifest),
        model="runs/{experiment}/stage1/model.safetensors",
        crops=experiment_shard("crops"),
        voices=references("tokens"),
        codec=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
    output:
        shard="results/{experiment}/dubs/text_only/{protocol}/{shard}.parquet",
        failures="results/{experiment}/dubs/text_only/{protocol}/{shard}.failures.parquet",
    log:
        "logs/text_only/{experiment}/{protocol}/{shard}.log",
    benchmark:
        "benchmarks/rules/text_only/{experiment}/{protocol}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 6000 * attempt,
        gpu=1,
        runtime=lambda w, attempt: 240 * attempt,
    params:
        rows=ask(experiment_rows),
        settings=ask(lambda w: as_json(PLAN.synthesis(w.experiment, "full"))),
        codec=ask(lambda w: as_json(PLAN.codec_of(w.experiment))),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("text_only"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/text_only.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--protocol {wildcards.protocol} --model {input.model:q} --crops {input.crops:q} --voices {input.voices:q} "
        "--codec-files {input.codec:q} --codec {params.codec:q} --settings {params.settings:q} "
        "--max-failed-share {params.max_failed_share} --threads {threads} --output {output.shard:q}"


rule control:
    """Dub a shard's test clips with the full system and one input of another test clip: its video, voice or text.

    The other clip may lie in any test shard, and which one it is depends on all test clips of the corpus.
    """
    input:
        manifest=ask(experiment_manifest),
        model="runs/{experiment}/full/model.safetensors",
        features=ask(lambda w: PLAN.test_files(w.experiment, "features")),
        tokens=ask(lambda w: PLAN.test_files(w.experiment, "tokens", w.protocol)),
        codec=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
    output:
        shard="results/{experiment}/dubs/{swap}/{protocol}/{shard}.parquet",
        failures="results/{experiment}/dubs/{swap}/{protocol}/{shard}.failures.parquet",
    log:
        "logs/control/{experiment}/{swap}/{protocol}/{shard}.log",
    benchmark:
        "benchmarks/rules/control/{experiment}/{swap}/{protocol}/{shard}.tsv"
    wildcard_constraints:
        swap=SWAPS,
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 6000 * attempt,
        gpu=1,
        runtime=lambda w, attempt: 240 * attempt,
    params:
        rows=ask(experiment_rows),
        tests=ask(lambda w: PLAN.tests_digest(w.experiment)),
        settings=ask(lambda w: as_json(PLAN.synthesis(w.experiment, "full"))),
        codec=ask(lambda w: as_json(PLAN.codec_of(w.experiment))),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("control"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/control.py --swap {wildcards.swap} --manifest {input.manifest:q} "
        "--shard {wildcards.shard} --protocol {wildcards.protocol} --model {input.model:q} "
        "--features {input.features:q} --tokens {input.tokens:q} --codec-files {input.codec:q} "
        "--codec {params.codec:q} --settings {params.settings:q} --max-failed-share {params.max_failed_share} "
        "--threads {threads} --output {output.shard:q}"
