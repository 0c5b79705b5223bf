"""Audio, face and lip crops, and their features, one job per shard.

In: the clips of a shard. Out: work/<corpus>/{audio,crops}/<shard>.parquet, work/features/<features>/transform.safetensors,
work/<corpus>/features/<features>/<shard>.parquet.
"""


rule audio:
    """Decode the sound of a shard's clips to 16 kHz mono."""
    input:
        manifest=ask(manifest),
        rendered=ask(rendered),
    output:
        shard="work/{corpus}/audio/{shard}.parquet",
        failures="work/{corpus}/audio/{shard}.failures.parquet",
    log:
        "logs/audio/{corpus}/{shard}.log",
    benchmark:
        "benchmarks/rules/audio/{corpus}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=lambda w, attempt: 60 * attempt,
    params:
        rows=ask(rows),
        root=lambda w: PLAN.root(w.corpus).as_posix(),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("audio"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/audio.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--root {params.root:q} --max-failed-share {params.max_failed_share} --output {output.shard:q}"


rule crops:
    """Decode a shard's video at 25 frames a second, find and track the face, cut out face and lips."""
    input:
        manifest=ask(manifest),
        rendered=ask(rendered),
        weights=ask(lambda w: PLAN.crop_files()),
    output:
        shard="work/{corpus}/crops/{shard}.parquet",
        failures="work/{corpus}/crops/{shard}.failures.parquet",
    log:
        "logs/crops/{corpus}/{shard}.log",
    benchmark:
        "benchmarks/rules/crops/{corpus}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 3000 * attempt,
        runtime=lambda w, attempt: 240 * attempt,
    params:
        rows=ask(rows),
        root=lambda w: PLAN.root(w.corpus).as_posix(),
        settings=as_json(PLAN.config.crops),
        frames=lambda w: PLAN.corpus(w.corpus).frames or 0,
        max_failed_share=PLAN.config.max_failed_share,
        code=code("crops"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/crops.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--root {params.root:q} --settings {params.settings:q} --frames {params.frames} "
        "--max-failed-share {params.max_failed_share} "
        "--output {output.shard:q}"


rule fit_features:
    """Fit the transform from crops to lip and face features on training clips only."""
    input:
        crops=fitted_on("features"),
        manifests=manifests_of_fit("features"),
    output:
        transform="work/features/{features}/transform.safetensors",
        record="work/features/{features}/fitted.json",
    log:
        "logs/fit_features/{features}.log",
    benchmark:
        "benchmarks/rules/fit_features/{features}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=lambda w, attempt: 8000 * attempt,
        runtime=lambda w, attempt: 120 * attempt,
    params:
        settings=lambda w: as_json(PLAN.config.features[w.features]),
        identity=ask(lambda w: PLAN.fit("features", w.features).identity),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/fit_features.py --crops {input.crops:q} --manifests {input.manifests:q} "
        "--settings {params.settings:q} --identity {params.identity} --output {output.transform:q} "
        "--record {output.record:q}"


rule features:
    """A shard's lip and face features: components of its crops, a published network's vectors, or the user's own."""
    input:
        crops="work/{corpus}/crops/{shard}.parquet",
        transform=ask(lambda w: PLAN.transform(w.features)),
        weights=ask(lambda w: PLAN.feature_files(w.features)),
    output:
        shard="work/{corpus}/features/{features}/{shard}.parquet",
        failures="work/{corpus}/features/{features}/{shard}.failures.parquet",
    log:
        "logs/features/{corpus}/{features}/{shard}.log",
    benchmark:
        "benchmarks/rules/features/{corpus}/{features}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 3000 * attempt,
        runtime=lambda w, attempt: 60 * attempt,
    params:
        settings=lambda w: as_json(PLAN.config.features[w.features]),
        imported=ask(lambda w: PLAN.imported_digest(w.features, w.corpus, w.shard)),
        max_failed_share=PLAN.config.max_failed_share,
        code=code("features"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/features.py --crops {input.crops:q} --transform {input.transform:q} "
        "--settings {params.settings:q} "
        "--max-failed-share {params.max_failed_share} --output {output.shard:q}"
