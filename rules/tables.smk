"""Tables and pages of results/<experiment>. These rules only gather; nothing is measured here."""

from dubber.listening.answers import answered
from dubber.listening.definition import file_of

layout = lambda w: experiment_of(w).layout(w.table)
summaries = lambda w, runs: expanded(rules.stage2.output.summary, experiment=w.experiment, run=runs)
full_summary = lambda w: summaries(w, FULL)
published_corpus = lambda w: experiment_of(w).published or ""
published = lambda w: "config/published.csv" if published_corpus(w) else []
report_settings = lambda w: as_json(experiment_of(w).report)
answers = lambda w: answered(w.experiment, experiment_of(w).protocols)
tests = lambda w: sorted({file_of(path.parent.parent) for path in answers(w)})


def scores(wildcards, *tables):
    """The scores of every system and protocol of some tables."""
    place = {"experiment": wildcards.experiment, "shard": test_shards(wildcards)}
    cells = experiment_of(wildcards).cells(*tables)
    return sum((expanded(rules.score.output.artifact, system=s, protocol=p, **place) for s, p in cells), [])


rule table:
    """A table: systems in protocols, means with intervals, what measured them and how many clips failed.

    `table` is the main one (Tables 1 and 2), `ablations` Table 3, `nfe` Table 4, `prosody` Table 5, `controls` what a
    model that ignores an input would not show. The name of an ablation is its row of Table 3: it trains that one alone.
    """
    input:
        scores=checked(lambda w: scores(w, w.table)),
        summaries=checked(lambda w: summaries(w, layout(w).trained.values())),
        published=published,
    output: artifact="results/{experiment}_{table}.csv"
    log: logs("table/{experiment}_{table}")
    benchmark: benchmarks("table/{experiment}_{table}")
    wildcard_constraints: table=f"table|ablations|nfe|prosody|controls|{students()}"
    resources: mem_mb=2000, runtime=30
    params:
        systems=lambda w: list(layout(w).systems),
        metrics=lambda w: list(layout(w).metrics),
        trained=lambda w: list(layout(w).trained),
        kind=lambda w: w.table, corpus=published_corpus, settings=report_settings, code=code("table"),
    shell: run("table")


rule mos:
    """Mean opinion scores of the listening test that `dubber listen` serves: similarity to the voice, naturalness."""
    input: tests=checked(tests), answers=checked(answers), published=published
    output: artifact="results/{experiment}_mos.csv"
    log: logs("mos/{experiment}")
    benchmark: benchmarks("mos/{experiment}")
    resources: mem_mb=2000, runtime=15
    params: corpus=published_corpus, settings=report_settings, code=code("mos")
    shell: run("mos")


rule compare:
    """Paired tests of every system of a table against the full system, on the same clips: difference, interval, p."""
    input: scores=checked(lambda w: scores(w, w.table))
    output: artifact="results/{experiment}/comparisons/{table}.csv"
    log: logs("compare/{experiment}/{table}")
    benchmark: benchmarks("compare/{experiment}/{table}")
    wildcard_constraints: table="table|ablations|controls"
    resources: mem_mb=2000, runtime=30
    params: baseline=FULL, settings=report_settings, code=code("compare")
    shell: run("compare")


rule alignment:
    """How far the phone boundaries that the full system finds on the video are from the forced aligner's."""
    input: dubs=checked(full_speech), durations=made_by(rules.durations, test_shards), summary=full_summary
    output: artifact="results/{experiment}/alignment.csv"
    log: logs("alignment/{experiment}")
    benchmark: benchmarks("alignment/{experiment}")
    resources: mem_mb=2000, runtime=15
    params: system=FULL, settings=lambda w: as_json(experiment_of(w).report.bootstrap), code=code("alignment")
    shell: run("alignment")


rule plot:
    """A table as a figure, vector and PNG: evaluations against quality and speed, or ablations with intervals."""
    input: csv=rules.table.output.artifact
    output: **{kind: f"results/{{experiment}}_{{table}}.{kind}" for kind in ("svg", "pdf", "png")}
    log: logs("plot/{experiment}_{table}")
    benchmark: benchmarks("plot/{experiment}_{table}")
    wildcard_constraints: table="ablations|nfe"
    resources: mem_mb=2000, runtime=15
    params: code=code("plot")
    shell: run("plot")


def per_table(output, *more):
    """A file for each table of a page: `more` beside the main one and the controls."""
    return checked(lambda w: expanded(output, experiment=w.experiment, table=experiment_of(w).tables(*more)))


def dubs_shown(output):
    """The speech of the main table, or the failures."""
    return checked(lambda w: speech(w.experiment, experiment_of(w).cells("table"), test_shards(w), output))


def failures(wildcards):
    """The failure lists of every step that the experiment's clips and dubs went through."""
    experiment = experiment_of(wildcards)
    steps = [rules.audio, rules.crops, rules.features, rules.align, rules.durations, rules.tokens]
    lists = [artifacts(step.output.failures, experiment, [experiment.corpus]) for step in steps]
    return sum(lists, dubs_shown("failures")(wildcards))


def shown(*more):
    """The inputs of a page with the main table, the controls where they are shown, and `more` tables."""
    return {
        "tables": per_table(rules.table.output.artifact, *more),
        "dubs": dubs_shown("artifact"),
        "scores": checked(lambda w: scores(w, *experiment_of(w).tables())),
        "attention": rules.attention.output.artifact,
        "alignment": rules.alignment.output.artifact,
        "failures": checked(failures),
    }


rule report:
    """One page that opens from disk: table, loss curves, attention maps, spectrograms and the dubbed clips."""
    input:
        **shown(),
        comparisons=[],
        summaries=lambda w: summaries(w, [STAGE1, FULL]),
        bundle=lambda w: expanded(rules.bundle.output.manifest, experiment=w.experiment, run=FULL),  # to dub with
    output: artifact="results/{experiment}/report.html", figures=directory("results/{experiment}/figures")
    log: logs("report/{experiment}")
    benchmark: benchmarks("report/{experiment}")
    resources: mem_mb=4000, runtime=60
    params:
        manifest=manifest,
        settings=lambda w: as_json(experiment_of(w).reported()),
        root=root,
        figures=lambda w, output: output.get("figures", ""),
        code=code("report"),
    shell: run("report")


use rule report as paper with:
    # Everything that the paper shows, from one command: the report with all tables, paired tests and their figures.
    input:
        **shown("ablations", "nfe", "prosody"),
        plots=lambda w: expanded(rules.plot.output.pdf, table=["ablations", "nfe"], **w),
        comparisons=per_table(rules.compare.output.artifact, "ablations"),
        figures=rules.report.output.figures,
        summaries=lambda w: summaries(w, [STAGE1, *experiment_of(w).layout("ablations").trained.values()]),
    output: artifact="results/{experiment}/paper.html"
    log: logs("paper/{experiment}")
    benchmark: benchmarks("paper/{experiment}")
