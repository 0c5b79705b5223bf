"""Tables and reports: what people come for. These rules only gather; nothing is measured here.

In: scores, run summaries, failures. Out: results/<experiment>_table.csv, results/<experiment>/report.html.
"""


rule table:
    """The main table: every system in every setting, means with intervals, what measured them and how many failed."""
    input:
        scores=ask(lambda w: PLAN.scores(w.experiment)),
        summary="runs/{experiment}/full/summary.json",
    output:
        "results/{experiment}_table.csv",
    log:
        "logs/table/{experiment}.log",
    benchmark:
        "benchmarks/rules/table/{experiment}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).report)),
        code=code("table"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/table.py --scores {input.scores:q} --summary {input.summary:q} "
        "--settings {params.settings:q} --output {output:q}"


rule report:
    """One page that opens from disk: table, loss curves, attention maps, spectrograms and the dubbed clips as players."""
    input:
        manifest=ask(experiment_manifest),
        table="results/{experiment}_table.csv",
        summaries=expand("runs/{{experiment}}/{run}/summary.json", run=["stage1", "full"]),
        dubs=ask(lambda w: PLAN.dubs(w.experiment)),
        scores=ask(lambda w: PLAN.scores(w.experiment)),
        attention="results/{experiment}/attention.parquet",
        failures=ask(lambda w: PLAN.failures(w.experiment)),
    output:
        page="results/{experiment}/report.html",
        figures=directory("results/{experiment}/figures"),
    log:
        "logs/report/{experiment}.log",
    benchmark:
        "benchmarks/rules/report/{experiment}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        experiment=ask(lambda w: as_json(PLAN.report_settings(w.experiment))),
        root=ask(lambda w: PLAN.root(PLAN.experiment(w.experiment).corpus).as_posix()),
        code=code("report"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/report.py --experiment {wildcards.experiment} --manifest {input.manifest:q} "
        "--table {input.table:q} --summaries {input.summaries:q} --scores {input.scores:q} --dubs {input.dubs:q} --attention {input.attention:q} "
        "--failures {input.failures:q} --root {params.root:q} --settings {params.experiment:q} "
        "--output {output.page:q} --figures {output.figures:q}"
