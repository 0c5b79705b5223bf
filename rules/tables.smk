"""Tables and reports. These rules only gather; nothing is measured here.

In: scores, run summaries, failures, listeners' answers. Out: results/<experiment>_{table,ablations,nfe,prosody,controls,mos}.csv,
results/<experiment>/{alignment.csv,ablations/<name>.csv,comparisons/,report.html,figures/,paper.html}.
"""


rule table:
    """A table: systems in protocols, means with intervals, what measured them and how many clips failed.

    `table` is the main one (Tables 1 and 2), `ablations` Table 3, `nfe` Table 4, `prosody` Table 5, `controls` what a
    model that ignores an input would not show.
    """
    input:
        scores=ask(lambda w: PLAN.scores(w.experiment, PLAN.layout(w.experiment, w.table))),
        summaries=ask(lambda w: summaries(w, PLAN.layout(w.experiment, w.table))),
        published=ask(published),
    output: artifact="results/{experiment}_{table}.csv"
    log: logs("table/{experiment}_{table}")
    benchmark: benchmarks("table/{experiment}_{table}")
    wildcard_constraints: table="table|ablations|nfe|prosody|controls"
    localrule: True
    resources: mem_mb=2000, runtime=30
    params:
        systems=ask(lambda w: list(PLAN.layout(w.experiment, w.table).systems)),
        metrics=ask(lambda w: list(PLAN.layout(w.experiment, w.table).metrics)),
        trained=ask(lambda w: list(PLAN.trained(w.experiment, PLAN.layout(w.experiment, w.table)))),
        corpus=ask(lambda w: PLAN.experiment(w.experiment).published or ""),
        kind=lambda w: w.table,
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).report)),
        code=code("table"),
    shell: run("table")


use rule table as ablation with:
    # One ablation's row of Table 3; trains that one alone.
    input:
        scores=ask(lambda w: PLAN.scores(w.experiment, PLAN.layout(w.experiment, "ablation", w.run))),
        summaries=rules.stage2.output.summary,
        published=[],
    output: artifact="results/{experiment}/ablations/{run}.csv"
    log: logs("ablation/{experiment}/{run}")
    benchmark: benchmarks("ablation/{experiment}/{run}")
    wildcard_constraints: run=PLAN.students()
    params:
        systems=[],
        metrics=[],
        trained=lambda w: [w.run],
        corpus="",
        kind="ablation",
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).report)),
        code=code("table"),


rule mos:
    """Mean opinion scores of the listening test that `dubber listen` serves: similarity to the voice, naturalness."""
    input:
        tests=ask(lambda w: PLAN.listening_tests(w.experiment)),
        answers=ask(lambda w: PLAN.listening_answers(w.experiment)),
        published=ask(published),
    output: artifact="results/{experiment}_mos.csv"
    log: logs("mos/{experiment}")
    benchmark: benchmarks("mos/{experiment}")
    localrule: True
    resources: mem_mb=2000, runtime=15
    params:
        corpus=ask(lambda w: PLAN.experiment(w.experiment).published or ""),
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).report)),
        code=code("mos"),
    shell: run("mos")


rule compare:
    """Paired tests of every system of a table against the full system, on the same clips: difference, interval, p."""
    input: scores=ask(lambda w: PLAN.scores(w.experiment, PLAN.layout(w.experiment, w.table)))
    output: artifact="results/{experiment}/comparisons/{table}.csv"
    log: logs("compare/{experiment}/{table}")
    benchmark: benchmarks("compare/{experiment}/{table}")
    wildcard_constraints: table="table|ablations|controls"
    localrule: True
    resources: mem_mb=2000, runtime=30
    params:
        baseline="full",
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).report)),
        code=code("compare"),
    shell: run("compare")


rule alignment:
    """How far the phone boundaries that the full system finds on the video are from the forced aligner's."""
    input:
        dubs=ask(lambda w: PLAN.run_dubs(w.experiment)),
        durations=ask(lambda w: PLAN.test_files(w.experiment, "durations")),
        summary="runs/{experiment}/full/summary.json",
    output: artifact="results/{experiment}/alignment.csv"
    log: logs("alignment/{experiment}")
    benchmark: benchmarks("alignment/{experiment}")
    localrule: True
    resources: mem_mb=2000, runtime=15
    params:
        system="full",
        settings=ask(lambda w: as_json(PLAN.experiment(w.experiment).report.bootstrap)),
        code=code("alignment"),
    shell: run("alignment")


rule plot:
    """A table as a figure, vector and PNG: evaluations against quality and speed, or ablations with intervals."""
    input: csv=rules.table.output.artifact
    output:
        svg="results/{experiment}_{table}.svg",
        pdf="results/{experiment}_{table}.pdf",
        png="results/{experiment}_{table}.png",
    log: logs("plot/{experiment}_{table}")
    benchmark: benchmarks("plot/{experiment}_{table}")
    wildcard_constraints: table="ablations|nfe"
    localrule: True
    resources: mem_mb=2000, runtime=15
    params: code=code("plot")
    shell: run("plot")


rule report:
    """One page that opens from disk: table, loss curves, attention maps, spectrograms and the dubbed clips as players."""
    input:
        manifest=ask(experiment_manifest),
        tables=report_tables(),
        comparisons=[],
        summaries=expand("runs/{{experiment}}/{run}/summary.json", run=["stage1", "full"]),
        dubs=ask(lambda w: PLAN.dubs(w.experiment)),
        scores=ask(lambda w: PLAN.report_scores(w.experiment)),
        attention=rules.attention.output.artifact,
        alignment=rules.alignment.output.artifact,
        failures=ask(lambda w: PLAN.failures(w.experiment)),
        dubber="runs/{experiment}/full/dubber.json",  # whoever asks for a report can dub with its student
    output: artifact="results/{experiment}/report.html", figures=directory("results/{experiment}/figures")
    log: logs("report/{experiment}")
    benchmark: benchmarks("report/{experiment}")
    localrule: True
    resources: mem_mb=4000, runtime=60
    params:
        settings=ask(lambda w: as_json(PLAN.report_settings(w.experiment))),
        root=ask(lambda w: PLAN.root(PLAN.experiment(w.experiment).corpus).as_posix()),
        figures=lambda w, output: output.figures,
        code=code("report"),
    shell: run("report")


use rule report as paper with:
    # Everything that the paper shows, from one command: the report with all tables, paired tests and their figures.
    input:
        manifest=ask(experiment_manifest),
        tables=report_tables("ablations", "nfe", "prosody"),
        plots=expand("results/{{experiment}}_{table}.pdf", table=["ablations", "nfe"]),
        comparisons=report_tables("ablations", pattern="results/{experiment}/comparisons/{table}.csv"),
        figures=rules.report.output.figures,
        summaries=ask(students_and_teacher),
        dubs=ask(lambda w: PLAN.dubs(w.experiment)),
        scores=ask(lambda w: PLAN.report_scores(w.experiment)),
        attention=rules.attention.output.artifact,
        alignment=rules.alignment.output.artifact,
        failures=ask(lambda w: PLAN.failures(w.experiment)),
    output: artifact="results/{experiment}/paper.html"
    log: logs("paper/{experiment}")
    benchmark: benchmarks("paper/{experiment}")
    params:
        settings=ask(lambda w: as_json(PLAN.report_settings(w.experiment))),
        root=ask(lambda w: PLAN.root(PLAN.experiment(w.experiment).corpus).as_posix()),
        figures="",
        code=code("report"),
