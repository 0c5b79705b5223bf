"""The workflow's functions: thin questions to `dubber.plan.Plan`. The only file of rules with functions in it."""

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from dubber import config as settings_of
from dubber.errors import DubberError
from dubber.plan import Plan, as_json
from dubber.runner import parameters

# Every `python` in a shell block is the one that runs Snakemake (a conda environment still comes before it).
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

try:
    PLAN = Plan(settings_of.parse(config), main=workflow.is_main_process)
except DubberError as error:
    raise WorkflowError(str(error)) from None

SHARE = PLAN.config.max_failed_share
ALIGNERS = {backend: PLAN.names("aligners", backend) for backend in ("pocketsphinx", "mfa")}
SWAPS = "|".join(settings_of.SWAPS)
CODECS = {backend: PLAN.names("codecs", backend) for backend in ("world", "facodec")}


def ask(question):
    """An input or params function whose clear errors reach the terminal as they are."""

    def answer(wildcards):
        PLAN.dry_run = workflow.dryrun
        try:
            return question(wildcards)
        except DubberError as error:
            # Snakemake would dress an exception of a function in a traceback; the message says all that helps.
            raise SystemExit(f"\n{error}") from None

    return answer


def code(*scripts):
    """The digest of the package code that these scripts reach: what makes a result stale when the code changes."""
    return PLAN.code(*scripts)


def run(step, keep=False):
    """The command of a rule, from the signature of its step: `dubber.steps.<step>`.

    `keep` is for training: a scheduler's signal reaches all processes of a job at once, and the trainer must be able to
    write a checkpoint and a log after it.
    """
    log_all = "trap : TERM; exec &> >(trap '' TERM; exec tee -a {log:q}); " if keep else "exec &> >(tee {log:q}); "
    values = {name: "{threads}" if source == "threads" else f"{{{source}.{name}:q}}" for name, source in parameters(step).items()}
    flags = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in values.items())
    return f"{log_all}python workflow_scripts/{step}.py {flags}"


def logs(name):
    return f"logs/{name}.log"


def benchmarks(name):
    return f"benchmarks/rules/{name}.tsv"


def shard_files(folder):
    """A step's artifact for one shard, and the clips that failed."""
    return {"artifact": f"{folder}/{{shard}}.parquet", "failures": f"{folder}/{{shard}}.failures.parquet"}


def growing(mem_mb, runtime):
    """Memory and minutes of a job's first attempt; each retry asks for as much again."""
    return {
        "mem_mb": lambda wildcards, attempt: mem_mb * attempt,
        "runtime": lambda wildcards, attempt: runtime * attempt,
    }


def all_cores(wildcards):
    """Training takes one machine's cores; a cluster has no number of its own, its profile sets one (set-threads)."""
    return workflow.cores


def rows(wildcards):
    return PLAN.rows_digest(wildcards.corpus, wildcards.shard)


def manifest(wildcards):
    return ancient(PLAN.manifest_path(wildcards.corpus).as_posix())


def rendered(wildcards):
    """What must exist before a clip's media can be read: nothing, unless the workflow renders the corpus."""
    return PLAN.step(wildcards.corpus, "truth", shards=[wildcards.shard]) if PLAN.is_made(wildcards.corpus) else []


def crops_of(wildcards):
    """The shard's crops, which fix the number of frames, where the corpus has video."""
    return PLAN.step(wildcards.corpus, "crops", shards=[wildcards.shard]) if PLAN.has_video(wildcards.corpus) else []


def fitted_on(kind):
    """What a codec or a transform is fitted on: `kind` is its wildcard, `codec` or `features`.

    What is fitted stays when clips are added, or every token would change its meaning. `ancient` alone does not do it:
    one more shard is another set of inputs; and where a step before has changed, `ancient` would hide it.
    """

    def question(wildcards):
        fit = PLAN.fit(kind, wildcards[kind])
        return [ancient(path) for path in fit.inputs] if fit.settled else fit.inputs

    return ask(question)


def manifests_of_fit(kind):
    return ask(lambda w: [ancient(path) for path in PLAN.fit(kind, w[kind]).manifests])


def training(kind, run=None):
    """Training inputs of one kind: tokens, durations, features or manifests."""
    return ask(lambda w: PLAN.training_data(w.experiment, run or w.run)[kind])


def of_experiment(wildcards):
    """The experiment's corpus in the place of a corpus wildcard."""
    return PLAN.experiment(wildcards.experiment).corpus


def experiment_manifest(wildcards):
    return ancient(PLAN.manifest_path(of_experiment(wildcards)).as_posix())


def experiment_rows(wildcards):
    return PLAN.rows_digest(of_experiment(wildcards), wildcards.shard)


def experiment_shard(step):
    """The artifact of one step for the wildcards' experiment and shard."""
    return ask(lambda w: PLAN.experiment_step(w.experiment, step, [w.shard]))


def references(step):
    """The artifacts of one step that hold the reference speech of a shard's test clips."""
    return ask(lambda w: PLAN.reference_files(w.experiment, step, w.shard, w.protocol))


def summaries(wildcards, layout):
    """The summaries of the runs that stand in a table."""
    return list(PLAN.trained(wildcards.experiment, layout).values())


def students_and_teacher(wildcards):
    """The summaries of every run of Table 3."""
    layout = PLAN.layout(wildcards.experiment, "ablations")
    return [f"runs/{wildcards.experiment}/stage1/summary.json", *summaries(wildcards, layout)]


def report_tables(*more, pattern="results/{experiment}_{table}.csv"):
    """What a report is made of, one file for each of its tables: `more` beside the main one and the controls."""
    return ask(lambda w: expand(pattern, experiment=w.experiment, table=PLAN.report_tables(w.experiment, *more)))


def published(wildcards):
    """The list of published figures, where the experiment shows some beside its own."""
    return ["config/published.csv"] if PLAN.experiment(wildcards.experiment).published else []
