"""Phone times by forced alignment, and the durations made from them: work/<corpus>/{align,durations}/<aligner>/."""

aligner_settings = lambda w: as_json(CONFIG.aligners[w.aligner])


rule align:
    """Force-align a shard's clips with the embedded aligner: words, then phones."""
    input: audio=rules.audio.output.artifact
    output: **shard_files("work/{corpus}/align/{aligner}")
    log: logs("align/{corpus}/{aligner}/{shard}")
    benchmark: benchmarks("align/{corpus}/{aligner}/{shard}")
    wildcard_constraints: aligner=with_backend(CONFIG.aligners, "pocketsphinx")
    resources: **growing(2000, 60)
    params: **clips("align"), settings=aligner_settings
    shell: run("align")


rule align_mfa:
    """Force-align a shard's clips with the Montreal Forced Aligner, in its own environment."""
    input: audio=rules.audio.output.artifact
    output: artifact=rules.align.output.artifact, failures=rules.align.output.failures
    log: logs("align_mfa/{corpus}/{aligner}/{shard}")
    benchmark: benchmarks("align_mfa/{corpus}/{aligner}/{shard}")
    wildcard_constraints: aligner=with_backend(CONFIG.aligners, "mfa")
    conda: "../envs/mfa.yaml"
    threads: 4
    resources: **growing(8000, 240)
    params: **clips("align_mfa"), settings=aligner_settings
    shell: run("align_mfa", python="python")


rule durations:
    """Turn phone times into whole frames and whole tokens for each phoneme."""
    input: phones=rules.align.output.artifact, audio=rules.audio.output.artifact, crops=crops_of
    output: **shard_files("work/{corpus}/durations/{aligner}")
    log: logs("durations/{corpus}/{aligner}/{shard}")
    benchmark: benchmarks("durations/{corpus}/{aligner}/{shard}")
    resources: **growing(2000, 30)
    params: **clips("durations"), settings=aligner_settings
    shell: run("durations")
