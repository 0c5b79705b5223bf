"""Where clips come from: the manifest, and the demo corpus that the workflow renders itself.

In: the corpus folder under `data_root`. Out: work/<corpus>/manifest.parquet, work/<corpus>/truth/<shard>.parquet.
"""


rule manifest:
    """List a corpus: clips, texts, splits, shards."""
    output: artifact="work/{corpus}/manifest.parquet"
    log: logs("manifest/{corpus}")
    benchmark: benchmarks("manifest/{corpus}")
    resources: **growing(2000, 30)
    params:
        settings=lambda w: as_json(PLAN.corpus(w.corpus)),
        root=lambda w: PLAN.root(w.corpus).as_posix(),
        data_root=lambda w: PLAN.config.data_root,
    shell: run("manifest")


rule render_demo:
    """Make one shard of the demo corpus: speech by espeak-ng, a photograph that speaks it, and the exact phone times."""
    input: manifest=ask(manifest)
    output: artifact="work/{corpus}/truth/{shard}.parquet"
    log: logs("render_demo/{corpus}/{shard}")
    benchmark: benchmarks("render_demo/{corpus}/{shard}")
    resources: **growing(2000, 30)
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.corpus(w.corpus).demo.rendering),
        root=lambda w: PLAN.root(w.corpus).as_posix(),
        code=code("render_demo"),
    shell: run("render_demo")
