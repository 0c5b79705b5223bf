"""The codec: analysis, fitting on the training split, tokens.

In: audio shards (and crops, which fix the length). Out: work/<corpus>/analysis/<codec>/<shard>.parquet,
work/codecs/<codec>/codec.safetensors, work/<corpus>/tokens/<codec>/<shard>.parquet.
"""


rule analyse:
    """WORLD analysis of a shard: pitch, mel-cepstrum and aperiodicity at 80 frames a second."""
    input: manifest=ask(manifest), audio=rules.audio.output.artifact, crops=ask(crops_of)
    output: **shard_files("work/{corpus}/analysis/{codec}")
    log: logs("analyse/{corpus}/{codec}/{shard}")
    benchmark: benchmarks("analyse/{corpus}/{codec}/{shard}")
    resources: **growing(2000, 120)
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.config.codecs[w.codec].analysis),
        max_failed_share=SHARE,
        code=code("analyse"),
    shell: run("analyse")


rule fit_codec:
    """Fit the codebooks of the WORLD codec by k-means on training clips only."""
    input: analysis=fitted_on("codec"), manifests=manifests_of_fit("codec")
    output: codec="work/codecs/{codec}/codec.safetensors", record="work/codecs/{codec}/fitted.json"
    log: logs("fit_codec/{codec}")
    benchmark: benchmarks("fit_codec/{codec}")
    threads: 2
    resources: **growing(8000, 120)
    params:
        settings=lambda w: as_json(PLAN.config.codecs[w.codec]),
        identity=ask(lambda w: PLAN.fit("codec", w.codec).identity),
    shell: run("fit_codec")


rule tokens:
    """Quantise a shard's analysis: six streams of codes at 80 a second, and the speaker vector."""
    input: analysis=rules.analyse.output.artifact, codec=rules.fit_codec.output.codec
    output: **shard_files("work/{corpus}/tokens/{codec}")
    log: logs("tokens/{corpus}/{codec}/{shard}")
    benchmark: benchmarks("tokens/{corpus}/{codec}/{shard}")
    wildcard_constraints: codec=CODECS["world"]
    resources: **growing(2000, 60)
    params: max_failed_share=SHARE, code=code("tokens")
    shell: run("tokens")


rule tokens_facodec:
    """Encode a shard's sound with FACodec's published weights."""
    input:
        manifest=ask(manifest),
        audio=rules.audio.output.artifact,
        crops=ask(crops_of),
        weights=ask(lambda w: PLAN.codec_files(w.codec)),
    output: **shard_files("work/{corpus}/tokens/{codec}")
    log: logs("tokens_facodec/{corpus}/{codec}/{shard}")
    benchmark: benchmarks("tokens_facodec/{corpus}/{codec}/{shard}")
    wildcard_constraints: codec=CODECS["facodec"]
    threads: 2
    resources: **growing(6000, 240)
    params: rows=ask(rows), max_failed_share=SHARE, code=code("tokens_facodec")
    shell: run("tokens_facodec")
