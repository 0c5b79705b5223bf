"""The demo corpus, which the workflow renders itself: work/<corpus>/truth/<shard>.parquet.

No rule makes work/<corpus>/manifest.parquet: a run brings it up to date when it starts (Snakefile). Where a job must
run, Snakemake (9.27) looks for no other reason to run what depends on it, and skips that where the input is `ancient`:
a job that lists the corpus would hide every other change.
"""


rule render_demo:
    """Make one shard of the demo corpus: speech by espeak-ng, a photograph that speaks it, and exact phone times."""
    output: artifact="work/{corpus}/truth/{shard}.parquet"
    log: logs("render_demo/{corpus}/{shard}")
    benchmark: benchmarks("render_demo/{corpus}/{shard}")
    resources: **growing(2000, 30)
    params:
        manifest=manifest, rows=rows, root=root, code=code("render_demo"),
        settings=lambda w: as_json(CONFIG.corpora[w.corpus].demo.rendering),
    shell: run("render_demo")


def rendered(wildcards):
    """What must exist before a clip's media can be read: nothing, unless the workflow renders the corpus."""
    return expanded(rules.render_demo.output.artifact, **wildcards) if CORPORA.is_made(wildcards.corpus) else []


rule fetch:
    """Fetch a group of config/assets.csv; the only rule that uses the network, and only when a person asks for it."""
    output: touch("downloads/{group}.fetched")
    log: logs("fetch/{group}")
    benchmark: benchmarks("fetch/{group}")
    retries: 2
    resources: mem_mb=1000, runtime=1440
    params: data_root=CONFIG.data_root
    shell: run("fetch")
