"""What the rule files share: the configuration, the corpora, and how a rule writes its command, files and resources."""

import json
import logging
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from dubber import assets, provenance
from dubber import config as configuration
from dubber.corpus.corpora import Corpora
from dubber.errors import DubberError, MissingDataError
from dubber.experiment import FULL, STAGE1, run_of, students
from dubber.runner import parameters
from dubber.steps.fit import recorded_inputs

try:
    CONFIG = configuration.parse(config)
except DubberError as error:
    raise WorkflowError(str(error)) from None

CORPORA = Corpora(CONFIG.corpora, CONFIG.data_root, listed=workflow.is_main_process)


def run(step, python=sys.executable, keep=False):
    """The command of a rule, from the signature of its step: `dubber.steps.<step>`.

    `keep` is for training: a scheduler's signal reaches all processes of a job at once, and the trainer must be able to
    write a checkpoint and a log after it.
    """
    log_all = "trap : TERM; exec &> >(trap '' TERM; exec tee -a {log:q}); " if keep else "exec &> >(tee {log:q}); "
    sources = {name: source if source == "threads" else f"{source}.{name}" for name, source in parameters(step).items()}
    flags = " ".join(f"--{name.replace('_', '-')} {{{source}:q}}" for name, source in sources.items())
    return f"{log_all}{python} workflow_scripts/{step}.py {flags}"


logs, benchmarks = "logs/{}.log".format, "benchmarks/rules/{}.tsv".format


def shard_files(folder):
    """A step's artifact for one shard, and the clips that failed."""
    return {"artifact": f"{folder}/{{shard}}.parquet", "failures": f"{folder}/{{shard}}.failures.parquet"}


def growing(mem_mb, runtime):
    """Memory and minutes of a job's first attempt; each retry asks for as much again."""
    return {"mem_mb": lambda w, attempt: mem_mb * attempt, "runtime": lambda w, attempt: runtime * attempt}


def as_json(settings):
    """Settings, or several of them, as a step's argument."""
    return json.dumps(settings, default=lambda one: one.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


@cache
def code(*steps):
    """The digest of the package code that these steps reach: another one makes a result stale."""
    return provenance.digest([provenance.code_digest(f"workflow_scripts/{step}.py") for step in steps])


def checked(question):
    """An input or params function whose errors reach the terminal as messages, without Snakemake's traceback."""

    def answer(wildcards):
        try:
            return question(wildcards)
        except DubberError as error:
            raise SystemExit(f"\n{error}") from None

    return answer


identity_of = lambda settings, *steps: provenance.digest([as_json(settings), code(*steps)])  # of a fit

# What rules ask for their wildcards: the corpus is the one that these name, or that of their experiment; another digest
# of a shard's manifest rows makes its artifacts stale.
manifest_of = lambda w: CORPORA.manifest(corpus_of(w))
experiment_of = lambda w, run=FULL: CONFIG.experiment(w.experiment, run)
corpus_of = lambda w: w.get("corpus") or experiment_of(w).corpus
root = lambda w: CORPORA.root(corpus_of(w)).as_posix()
manifest = lambda w: CORPORA.path(corpus_of(w)).as_posix()
manifests = lambda corpora: [CORPORA.path(corpus).as_posix() for corpus in corpora]
rows = checked(lambda w: manifest_of(w).digest(w.shard))
this_shard = lambda w: [w.shard]
test_shards = checked(lambda w: manifest_of(w).test_shards)


def expanded(output, **values):
    """Another rule's output for all values: `expand`, also where a default storage provider keeps the output."""
    kept = getattr(output, "flags", {}).get("storage_object")
    return storage(expand(kept.query, **values)) if kept else expand(output, **values)


def clips(step, share=CONFIG.max_failed_share):
    """The params of a step that goes through the clips of a shard."""
    return {"manifest": manifest, "rows": rows, "max_failed_share": share, "code": code(step)}


@cache
def is_present(corpus):
    """Whether a corpus is there. Only in a dry run may it be missing, and only if it serves pre-training alone."""
    try:
        return bool(CORPORA.manifest(corpus).shards)
    except MissingDataError as error:
        if not workflow.dryrun or corpus not in CONFIG.only_pretraining():
            raise
        logging.warning("planned without the clips of '%s':\n%s", corpus, error)
        return False


@cache
def weights(needed):
    """Published files that a setting asks for; in a dry run those that are there."""
    return assets.require(needed, dry_run=workflow.dryrun) if needed else []


def with_backend(entries, backend):
    """The entries of the configuration with a backend, as the pattern of a wildcard."""
    return "|".join(name for name, entry in entries.items() if entry.backend == backend) or "(?!)"


def artifacts(output, experiment, corpora, shards=None):
    """A step's files for all shards of the corpora, or for those named, by the backends that the experiment names."""
    backends = {"codec": experiment.codec, "aligner": experiment.aligner, "features": experiment.features}
    chosen = {corpus: CORPORA.manifest(corpus).shards if shards is None else shards for corpus in corpora}
    return [path for corpus in corpora for path in expanded(output, corpus=corpus, shard=chosen[corpus], **backends)]


def made_by(step, shards=lambda w: None, corpora=lambda w: [corpus_of(w)]):
    """A step's artifacts for an experiment; `shards` and `corpora` are functions of the wildcards."""
    return checked(lambda w: artifacts(step.output.artifact, experiment_of(w), corpora(w), shards(w)))


def fitted(fit, step, entries, identity):
    """What a codec or a transform is fitted on: the recorded shards while its identity holds, else all of `fit_on`.

    What is fitted stays when clips are added, or every token would change its meaning. `ancient` alone does not do it:
    one more shard is another set of inputs; and where a step before has changed, `ancient` would hide it.
    """

    def question(wildcards):
        recorded = recorded_inputs(expanded(fit().output.record, **wildcards)[0], identity(wildcards))
        if recorded:
            return [ancient(path) for path in recorded]
        corpora = filter(is_present, entries[wildcards[0]].fit_on)
        shards = {corpus: CORPORA.manifest(corpus).shards for corpus in corpora}
        return sum((expanded(step.output.artifact, corpus=c, shard=shards[c], **wildcards) for c in shards), [])

    return checked(question)
