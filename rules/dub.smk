"""Inference: speech for the test clips of a shard, by our runs, by other systems, and by the two that bound them.

Out: results/<experiment>/dubs/<system>/<protocol>/<shard>.parquet, the same format for every system.
"""


rule dub:
    """Dub a shard's test clips: silent video, text and the protocol's reference voice to speech."""
    input:
        manifest=ask(experiment_manifest),
        model="runs/{experiment}/{run}/model.safetensors",
        features=experiment_shard("features"),
        tokens=experiment_shard("tokens"),
        voices=references("tokens"),
        codec=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
    output:
        shard="results/{experiment}/dubs/{run}/{protocol}/{shard}.parquet",
        failures="results/{experiment}/dubs/{run}/{protocol}/{shard}.failures.parquet",
    log:
        "logs/dub/{experiment}/{run}/{protocol}/{shard}.log",
    benchmark:
        "benchmarks/rules/dub/{experiment}/{run}/{protocol}/{shard}.tsv"
    wildcard_constraints:
        run=PLAN.students(),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 6000 * attempt,
        gpu=1,
        runtime=lambda w, attempt: 240 * attempt,
    params:
        rows=ask(experiment_rows),
        settings=ask(lambda w: as_json(PLAN.synthesis(w.experiment, w.run))),
        codec=ask(lambda w: as_json(PLAN.codec_of(w.experiment))),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("dub"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/dub.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--protocol {wildcards.protocol} --model {input.model:q} --features {input.features:q} "
        "--tokens {input.tokens:q} --voices {input.voices:q} --codec-files {input.codec:q} --codec {params.codec:q} "
        "--settings {params.settings:q} --max-failed-share {params.max_failed_share} "
        "--threads {threads} --output {output.shard:q}"


rule dub_nfe:
    """The full system's dubs with another number of evaluations of the denoiser (Table 4)."""
    input:
        manifest=ask(experiment_manifest),
        model="runs/{experiment}/full/model.safetensors",
        features=experiment_shard("features"),
        tokens=experiment_shard("tokens"),
        voices=references("tokens"),
        codec=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
    output:
        shard="results/{experiment}/dubs/nfe_{nfe}/{protocol}/{shard}.parquet",
        failures="results/{experiment}/dubs/nfe_{nfe}/{protocol}/{shard}.failures.parquet",
    log:
        "logs/dub_nfe/{experiment}/{nfe}/{protocol}/{shard}.log",
    benchmark:
        "benchmarks/rules/dub_nfe/{experiment}/{nfe}/{protocol}/{shard}.tsv"
    wildcard_constraints:
        nfe=r"[1-9][0-9]*",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 6000 * attempt,
        gpu=1,
        runtime=lambda w, attempt: 240 * attempt,
    params:
        rows=ask(experiment_rows),
        settings=ask(lambda w: as_json(PLAN.synthesis(w.experiment, "full", int(w.nfe)))),
        codec=ask(lambda w: as_json(PLAN.codec_of(w.experiment))),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("dub"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/dub.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--protocol {wildcards.protocol} --model {input.model:q} --features {input.features:q} "
        "--tokens {input.tokens:q} --voices {input.voices:q} --codec-files {input.codec:q} --codec {params.codec:q} "
        "--settings {params.settings:q} --max-failed-share {params.max_failed_share} "
        "--threads {threads} --output {output.shard:q}"


rule external:
    """Another system's speech for a shard's test clips, from the folder that the configuration names."""
    input:
        manifest=ask(experiment_manifest),
    output:
        shard="results/{experiment}/dubs/{system}/{protocol}/{shard}.parquet",
        failures="results/{experiment}/dubs/{system}/{protocol}/{shard}.failures.parquet",
    log:
        "logs/external/{experiment}/{system}/{protocol}/{shard}.log",
    benchmark:
        "benchmarks/rules/external/{experiment}/{system}/{protocol}/{shard}.tsv"
    wildcard_constraints:
        system=PLAN.external_names(),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=lambda w, attempt: 30 * attempt,
    params:
        rows=ask(experiment_rows),
        folder=ask(lambda w: PLAN.external_folder(w.experiment, w.system, w.protocol).as_posix()),
        files=ask(lambda w: PLAN.external_digest(w.experiment, w.system, w.protocol, w.shard)),
        code=code("external"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/external.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--folder {params.folder:q} --output {output.shard:q}"


rule resynthesise:
    """What the codec alone makes of a shard's test clips: the upper bound of every dub."""
    input:
        manifest=ask(experiment_manifest),
        tokens=experiment_shard("tokens"),
        codec=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
    output:
        shard="results/{experiment}/dubs/codec/any/{shard}.parquet",
        failures="results/{experiment}/dubs/codec/any/{shard}.failures.parquet",
    log:
        "logs/resynthesise/{experiment}/{shard}.log",
    benchmark:
        "benchmarks/rules/resynthesise/{experiment}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 4000 * attempt,
        runtime=lambda w, attempt: 60 * attempt,
    params:
        rows=ask(experiment_rows),
        codec=ask(lambda w: as_json(PLAN.codec_of(w.experiment))),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("resynthesise"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/resynthesise.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--tokens {input.tokens:q} --codec-files {input.codec:q} --codec {params.codec:q} "
        "--max-failed-share {params.max_failed_share} --output {output.shard:q}"


rule ground_truth:
    """The recordings of a shard's test clips, cut to the length of their video."""
    input:
        manifest=ask(experiment_manifest),
        audio=experiment_shard("audio"),
        crops=experiment_shard("crops"),
    output:
        shard="results/{experiment}/dubs/ground_truth/any/{shard}.parquet",
        failures="results/{experiment}/dubs/ground_truth/any/{shard}.failures.parquet",
    log:
        "logs/ground_truth/{experiment}/{shard}.log",
    benchmark:
        "benchmarks/rules/ground_truth/{experiment}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=lambda w, attempt: 30 * attempt,
    params:
        rows=ask(experiment_rows),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("ground_truth"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/ground_truth.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--audio {input.audio:q} --crops {input.crops:q} --max-failed-share {params.max_failed_share} "
        "--output {output.shard:q}"


rule attention:
    """Gather the attention maps of some test clips, with the aligner's durations to draw over them."""
    input:
        dubs=ask(lambda w: PLAN.run_dubs(w.experiment)),
        durations=ask(lambda w: PLAN.experiment_step(w.experiment, "durations", PLAN.test_shards_of(w.experiment))),
    output:
        "results/{experiment}/attention.parquet",
    log:
        "logs/attention/{experiment}.log",
    benchmark:
        "benchmarks/rules/attention/{experiment}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code("attention"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/attention.py --dubs {input.dubs:q} --durations {input.durations:q} --output {output:q}"
