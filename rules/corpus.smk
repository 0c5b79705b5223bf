"""Where clips come from: the manifest, and the demo corpus that the workflow renders itself.

In: the corpus folder under `data_root`. Out: work/<corpus>/manifest.parquet, work/<corpus>/truth/<shard>.parquet.
"""


rule manifest:
    """List a corpus: clips, texts, splits, shards. Planning refreshes it by itself; this is the way to make only that."""
    output:
        "work/{corpus}/manifest.parquet",
    log:
        "logs/manifest/{corpus}.log",
    benchmark:
        "benchmarks/rules/manifest/{corpus}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=lambda w, attempt: 30 * attempt,
    params:
        settings=lambda w: as_json(PLAN.corpus(w.corpus)),
        root=lambda w: PLAN.root(w.corpus).as_posix(),
        data_root=lambda w: PLAN.config.data_root,
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/manifest.py --settings {params.settings:q} --root {params.root:q} "
        "--data-root {params.data_root:q} --output {output:q}"


rule render_demo:
    """Make one shard of the demo corpus: speech by espeak-ng, a photograph that speaks it, and the exact phone times."""
    input:
        manifest=ask(manifest),
    output:
        truth="work/{corpus}/truth/{shard}.parquet",
    log:
        "logs/render_demo/{corpus}/{shard}.log",
    benchmark:
        "benchmarks/rules/render_demo/{corpus}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=lambda w, attempt: 30 * attempt,
    params:
        rows=ask(rows),
        settings=lambda w: as_json(PLAN.corpus(w.corpus).demo.rendering),
        root=lambda w: PLAN.root(w.corpus).as_posix(),
        code=code("render_demo"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/render_demo.py --manifest {input.manifest:q} --shard {wildcards.shard} "
        "--settings {params.settings:q} --root {params.root:q} --output {output.truth:q}"
