"""The codec: analysis, fitting on the training split, tokens: work/<corpus>/{analysis,tokens}/, work/codecs/."""


rule analyse:
    """WORLD analysis of a shard: pitch, mel-cepstrum and aperiodicity at 80 frames a second."""
    input: audio=rules.audio.output.artifact, crops=crops_of
    output: **shard_files("work/{corpus}/analysis/{codec}")
    log: logs("analyse/{corpus}/{codec}/{shard}")
    benchmark: benchmarks("analyse/{corpus}/{codec}/{shard}")
    resources: **growing(2000, 120)
    params: **clips("analyse"), settings=lambda w: as_json(CONFIG.codecs[w.codec].analysis)
    shell: run("analyse")


codec_identity = lambda w: identity_of(CONFIG.codecs[w.codec], "fit_codec", "analyse", "audio")


rule fit_codec:
    """Fit the codebooks of the WORLD codec by k-means on training clips only."""
    input: analysis=fitted(lambda: rules.fit_codec, rules.analyse, CONFIG.codecs, codec_identity)
    output: codec="work/codecs/{codec}/codec.safetensors", record="work/codecs/{codec}/fitted.json"
    log: logs("fit_codec/{codec}")
    benchmark: benchmarks("fit_codec/{codec}")
    threads: 2
    resources: **growing(8000, 120)
    params:
        manifests=lambda w: manifests(CONFIG.codecs[w.codec].fit_on),
        settings=lambda w: as_json(CONFIG.codecs[w.codec]),
        identity=codec_identity,
    shell: run("fit_codec")


def codec_files(wildcards):
    """What a codec is loaded from: that of the wildcards, or of their experiment."""
    name = wildcards.get("codec") or experiment_of(wildcards).codec
    needed = CONFIG.codecs[name].needed
    return weights(needed) if needed else expanded(rules.fit_codec.output.codec, codec=name)


rule tokens:
    """Quantise a shard's analysis: six streams of codes at 80 a second, and the speaker vector."""
    input: analysis=rules.analyse.output.artifact, codec=rules.fit_codec.output.codec
    output: **shard_files("work/{corpus}/tokens/{codec}")
    log: logs("tokens/{corpus}/{codec}/{shard}")
    benchmark: benchmarks("tokens/{corpus}/{codec}/{shard}")
    wildcard_constraints: codec=with_backend(CONFIG.codecs, "world")
    resources: **growing(2000, 60)
    params: max_failed_share=CONFIG.max_failed_share, code=code("tokens")
    shell: run("tokens")


rule tokens_facodec:
    """Encode a shard's sound with FACodec's published weights."""
    input: audio=rules.audio.output.artifact, crops=crops_of, weights=checked(codec_files)
    output: artifact=rules.tokens.output.artifact, failures=rules.tokens.output.failures
    log: logs("tokens_facodec/{corpus}/{codec}/{shard}")
    benchmark: benchmarks("tokens_facodec/{corpus}/{codec}/{shard}")
    wildcard_constraints: codec=with_backend(CONFIG.codecs, "facodec")
    threads: 2
    resources: **growing(6000, 240)
    params: **clips("tokens_facodec")
    shell: run("tokens_facodec")
