"""Phone times by forced alignment, and the durations (run lengths of the alignment matrices) made from them.

In: audio shards. Out: work/<corpus>/align/<aligner>/<shard>.parquet, work/<corpus>/durations/<aligner>/<shard>.parquet.
"""


rule align:
    """Force-align a shard's clips with the embedded aligner: words, then phones."""
    input: manifest=ask(manifest), audio=rules.audio.output.artifact
    output: **shard_files("work/{corpus}/align/{aligner}")
    log: logs("align/{corpus}/{aligner}/{shard}")
    benchmark: benchmarks("align/{corpus}/{aligner}/{shard}")
    wildcard_constraints: aligner=ALIGNERS["pocketsphinx"]
    resources: **growing(2000, 60)
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.config.aligners[w.aligner]),
        max_failed_share=SHARE,
        code=code("align"),
    shell: run("align")


rule align_mfa:
    """Force-align a shard's clips with the Montreal Forced Aligner, in its own environment."""
    input: manifest=ask(manifest), audio=rules.audio.output.artifact
    output: **shard_files("work/{corpus}/align/{aligner}")
    log: logs("align_mfa/{corpus}/{aligner}/{shard}")
    benchmark: benchmarks("align_mfa/{corpus}/{aligner}/{shard}")
    wildcard_constraints: aligner=ALIGNERS["mfa"]
    conda: "../envs/mfa.yaml"
    threads: 4
    resources: **growing(8000, 240)
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.config.aligners[w.aligner]),
        max_failed_share=SHARE,
        code=code("align_mfa"),
    shell: run("align_mfa")


rule durations:
    """Turn phone times into whole frames and whole tokens for each phoneme."""
    input:
        manifest=ask(manifest),
        phones=rules.align.output.artifact,
        audio=rules.audio.output.artifact,
        crops=ask(crops_of),
    output: **shard_files("work/{corpus}/durations/{aligner}")
    log: logs("durations/{corpus}/{aligner}/{shard}")
    benchmark: benchmarks("durations/{corpus}/{aligner}/{shard}")
    resources: **growing(2000, 30)
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.config.aligners[w.aligner]),
        max_failed_share=SHARE,
        code=code("durations"),
    shell: run("durations")
