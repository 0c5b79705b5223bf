"""The codec: analysis, fitting on the training split, tokens.

In: audio shards (and crops, which fix the length). Out: work/<corpus>/analysis/<codec>/<shard>.parquet,
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
        runtime=lambda w, attempt: 120 * attempt,
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.config.codecs[w.codec].analysis),
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
        analysis=fitted_on("codec"),
        manifests=manifests_of_fit("codec"),
    output:
        codec="work/codecs/{codec}/codec.safetensors",
        record="work/codecs/{codec}/fitted.json",
    log:
        "logs/fit_codec/{codec}.log",
    benchmark:
        "benchmarks/rules/fit_codec/{codec}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=lambda w, attempt: 8000 * attempt,
        runtime=lambda w, attempt: 120 * attempt,
    params:
        settings=lambda w: as_json(PLAN.config.codecs[w.codec]),
        identity=ask(lambda w: PLAN.fit("codec", w.codec).identity),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/fit_codec.py --analysis {input.analysis:q} --manifests {input.manifests:q} "
        "--settings {params.settings:q} --identity {params.identity} --output {output.codec:q} "
        "--record {output.record:q}"


rule tokens:
    """Quantise a shard's analysis: six streams of codes at 80 a second, and the speaker vector."""
    input:
        analysis="work/{corpus}/analysis/{codec}/{shard}.parquet",
        codec="work/codecs/{codec}/codec.safetensors",
    output:
        shard="work/{corpus}/tokens/{codec}/{shard}.parquet",
        failures="work/{corpus}/tokens/{codec}/{shard}.failures.parquet",
    log:
        "logs/tokens/{corpus}/{codec}/{shard}.log",
    benchmark:
        "benchmarks/rules/tokens/{corpus}/{codec}/{shard}.tsv"
    wildcard_constraints:
        codec=CODECS["world"],
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=lambda w, attempt: 60 * attempt,
    params:
        max_failed_share=PLAN.config.max_failed_share,
        code=code("tokens"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/tokens.py --analysis {input.analysis:q} --codec {input.codec:q} "
        "--max-failed-share {params.max_failed_share} --output {output.shard:q}"


rule tokens_facodec:
    """Encode a shard's sound with FACodec's published weights."""
    input:
        manifest=ask(manifest),
        audio="work/{corpus}/audio/{shard}.parquet",
        crops=ask(crops_of),
        weights=ask(lambda w: PLAN.codec_files(w.codec)),
    output:
        shard="work/{corpus}/tokens/{codec}/{shard}.parquet",
        failures="work/{corpus}/tokens/{codec}/{shard}.failures.parquet",
    log:
        "logs/tokens_facodec/{corpus}/{codec}/{shard}.log",
    benchmark:
        "benchmarks/rules/tokens_facodec/{corpus}/{codec}/{shard}.tsv"
    wildcard_constraints:
        codec=CODECS["facodec"],
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=lambda w, attempt: 6000 * attempt,
        runtime=lambda w, attempt: 240 * attempt,
    params:
        rows=ask(rows),
        encoder=lambda w: PLAN.config.codecs[w.codec].encoder,
        decoder=lambda w: PLAN.config.codecs[w.codec].decoder,
        max_failed_share=PLAN.config.max_failed_share,
        code=code("tokens_facodec"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/tokens_facodec.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--audio {input.audio:q} --crops {input.crops:q} --encoder {params.encoder:q} "
        "--decoder {params.decoder:q} --max-failed-share {params.max_failed_share} --output {output.shard:q}"
