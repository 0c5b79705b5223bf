"""Tables and reports: what people come for. These rules only gather; nothing is measured here.

In: scores, run summaries, failures, listeners' answers. Out: results/<experiment>_{table,ablations,nfe,prosody,controls,mos}.csv,
results/<experiment>/{alignment.csv,ablations/<name>.csv,comparisons/,report.html,figures/,paper.html}.
"""


rule table:
    """A table: systems in settings, means with intervals, what measured them and how many clips failed.

    `table` is the main one (Tables 1 and 2), `ablations` Table 3, `nfe` Table 4, `prosody` Table 5,
    `controls` what a model that ignores an input would not show.
    """
    input:
        scores=ask(lambda w: PLAN.scores(w.experiment, PLAN.layout(w.experiment, w.table))),
        summaries=ask(lambda w: summaries(w, PLAN.layout(w.experiment, w.table))),
        published=ask(published),
    output:
        "results/{experiment}_{table}.csv",
    log:
        "logs/table/{experiment}_{table}.log",
    benchmark:
        "benchmarks/rules/table/{experiment}_{table}.tsv"
    wildcard_constraints:
        table="table|ablations|nfe|prosody|controls",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        systems=ask(lambda w: list(PLAN.layout(w.experiment, w.table).systems)),
        metrics=ask(lambda w: list(PLAN.layout(w.experiment, w.table).metrics)),
        trained=ask(lambda w: list(PLAN.trained(w.experiment, PLAN.layout(w.experiment, w.table)))),
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).report)),
        published=ask(lambda w: PLAN.experiment(w.experiment).published or ""),
        code=code("table"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/table.py --scores {input.scores:q} --systems {params.systems:q} "
        "--metrics {params.metrics:q} --trained {params.trained:q} --summaries {input.summaries:q} "
        "--published {input.published:q} --corpus={params.published:q} --table {wildcards.table} "
        "--settings {params.settings:q} --output {output:q}"


rule ablation:
    """One ablation's row of Table 3; trains that one alone."""
    input:
        scores=ask(lambda w: PLAN.scores(w.experiment, PLAN.layout(w.experiment, "ablation", w.run))),
        summary="runs/{experiment}/{run}/summary.json",
    output:
        "results/{experiment}/ablations/{run}.csv",
    log:
        "logs/ablation/{experiment}/{run}.log",
    benchmark:
        "benchmarks/rules/ablation/{experiment}/{run}.tsv"
    wildcard_constraints:
        run=PLAN.students(),
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
        "python workflow_scripts/table.py --scores {input.scores:q} --trained {wildcards.run} "
        "--summaries {input.summary:q} --settings {params.settings:q} --output {output:q}"


rule mos:
    """Mean opinion scores of the listening test that `dubber listen` serves: similarity to the voice, naturalness."""
    input:
        tests=ask(lambda w: PLAN.listening_tests(w.experiment)),
        answers=ask(lambda w: PLAN.listening_answers(w.experiment)),
    output:
        "results/{experiment}_mos.csv",
    log:
        "logs/mos/{experiment}.log",
    benchmark:
        "benchmarks/rules/mos/{experiment}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).report)),
        code=code("mos"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/mos.py --tests {input.tests:q} --answers {input.answers:q} "
        "--settings {params.settings:q} --output {output:q}"


rule compare:
    """Paired tests of every system of a table against the full system, on the same clips: difference, interval, p."""
    input:
        scores=ask(lambda w: PLAN.scores(w.experiment, PLAN.layout(w.experiment, w.table))),
    output:
        "results/{experiment}/comparisons/{table}.csv",
    log:
        "logs/compare/{experiment}/{table}.log",
    benchmark:
        "benchmarks/rules/compare/{experiment}/{table}.tsv"
    wildcard_constraints:
        table="table|ablations|controls",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).report)),
        code=code("compare"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/compare.py --scores {input.scores:q} --baseline full --settings {params.settings:q} "
        "--output {output:q}"


rule alignment:
    """How far the phone boundaries that the full system finds on the video lie from the forced aligner's."""
    input:
        dubs=ask(lambda w: PLAN.run_dubs(w.experiment)),
        durations=ask(lambda w: PLAN.test_files(w.experiment, "durations")),
        summary="runs/{experiment}/full/summary.json",
    output:
        "results/{experiment}/alignment.csv",
    log:
        "logs/alignment/{experiment}.log",
    benchmark:
        "benchmarks/rules/alignment/{experiment}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).report.bootstrap)),
        code=code("alignment"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/alignment.py --system full --dubs {input.dubs:q} --durations {input.durations:q} "
        "--summary {input.summary:q} --settings {params.settings:q} --output {output:q}"


rule plot:
    """A table as a figure, vector and PNG: evaluations against quality and speed, or ablations with intervals."""
    input:
        "results/{experiment}_{table}.csv",
    output:
        multiext("results/{experiment}_{table}", ".svg", ".pdf", ".png"),
    log:
        "logs/plot/{experiment}_{table}.log",
    benchmark:
        "benchmarks/rules/plot/{experiment}_{table}.tsv"
    wildcard_constraints:
        table="ablations|nfe",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code("plot"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/plot.py --table {input:q} --kind {wildcards.table} "
        "--stem results/{wildcards.experiment}_{wildcards.table}"


rule report:
    """One page that opens from disk: table, loss curves, attention maps, spectrograms and the dubbed clips as players."""
    input:
        manifest=ask(experiment_manifest),
        tables=report_tables(),
        comparisons=[],
        summaries=expand("runs/{{experiment}}/{run}/summary.json", run=["stage1", "full"]),
        dubs=ask(lambda w: PLAN.dubs(w.experiment)),
        scores=ask(lambda w: PLAN.report_scores(w.experiment)),
        attention="results/{experiment}/attention.parquet",
        alignment="results/{experiment}/alignment.csv",
        failures=ask(lambda w: PLAN.failures(w.experiment)),
        dubber="runs/{experiment}/full/dubber.json",  # whoever asks for a report can dub with its student
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
        figures=lambda w, output: output.figures,
        code=code("report"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/report.py --experiment {wildcards.experiment} --manifest {input.manifest:q} "
        "--tables {input.tables:q} --comparisons {input.comparisons:q} --summaries {input.summaries:q} "
        "--scores {input.scores:q} --dubs {input.dubs:q} --attention {input.attention:q} "
        "--alignment {input.alignment:q} --failures {input.failures:q} --root {params.root:q} --settings {params.experiment:q} "
        "--output {output.page:q} --figures={params.figures:q}"


use rule report as paper with:
    # Everything that the paper shows, from one command: the report with all tables, paired tests and their figures.
    input:
        manifest=ask(experiment_manifest),
        tables=report_tables("ablations", "nfe", "prosody"),
        plots=expand("results/{{experiment}}_{table}.pdf", table=["ablations", "nfe"]),
        comparisons=report_tables("ablations", pattern="results/{experiment}/comparisons/{table}.csv"),
        figures="results/{experiment}/figures",
        summaries=ask(students_and_teacher),
        dubs=ask(lambda w: PLAN.dubs(w.experiment)),
        scores=ask(lambda w: PLAN.report_scores(w.experiment)),
        attention="results/{experiment}/attention.parquet",
        alignment="results/{experiment}/alignment.csv",
        failures=ask(lambda w: PLAN.failures(w.experiment)),
    output:
        page="results/{experiment}/paper.html",
    log:
        "logs/paper/{experiment}.log",
    benchmark:
        "benchmarks/rules/paper/{experiment}.tsv"
    params:
        experiment=ask(lambda w: as_json(PLAN.report_settings(w.experiment))),
        root=ask(lambda w: PLAN.root(PLAN.experiment(w.experiment).corpus).as_posix()),
        figures="",
        code=code("report"),
