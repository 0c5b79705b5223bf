"""From the configuration to files: what the workflow makes, from what, and what makes it stale.

The rules ask a `Plan` for shards, inputs and parameter slices. A corpus's manifest decides the jobs: it is looked at
only when a target asks for that corpus, and refreshed then if the corpus on disk has changed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dubber import provenance
from dubber.assets import Needed, require
from dubber.codec.settings import CodecSettings
from dubber.config import Config
from dubber.corpus.listing import list_corpus, save_manifest
from dubber.corpus.manifest import Manifest, load_manifest
from dubber.corpus.settings import CorpusSettings
from dubber.errors import MissingDataError
from dubber.experiment import BASELINES, FULL, STAGE1, Experiment, Layout, ablations, run_of, students
from dubber.listening.answers import answer_files
from dubber.listening.definition import file_of, folder_of
from dubber.media import imported_files
from dubber.metrics.settings import needs_sync_encoders, scoring_memory
from dubber.settings import Settings
from dubber.user_files import folder_digest

log = logging.getLogger(__name__)

SCRIPTS = Path("workflow_scripts")
ANY = "any"  # in place of a setting, where all settings sound the same
MAIN = "table"


@dataclass(frozen=True)
class Fit:
    """A codec or a transform that is fitted on training clips.

    Attributes:
        identity: digest of the settings and of the code, that of the steps before included.
        inputs: the shards that it is, or was, fitted on.
        manifests: of the corpora.
        settled: whether it was made under this identity; it then stays, whatever clips are added.
    """

    identity: str
    inputs: list[str]
    manifests: list[str]
    settled: bool


@dataclass
class Plan:
    """The workflow's questions to the configuration.

    Attributes:
        config: the validated configuration.
        main: whether this is the process that plans (a job's own process reads manifests but never rewrites them).
        dry_run: whether nothing will be run; a missing pre-training corpus is then a warning.
    """

    config: Config
    main: bool = True
    dry_run: bool = False
    _manifests: dict[str, Manifest | None] = field(default_factory=dict)
    _codes: dict[tuple[str, ...], str] = field(default_factory=dict)

    # --- names -------------------------------------------------------------------------------------------------

    def experiment(self, name: str, run: str = FULL) -> Experiment:
        """The experiment `name`, as the ablation or the seed `run` changes it."""
        return self.config.experiment(name, run)

    @cached_property
    def ablations(self) -> list[str]:
        """The students of Table 3, the full one first."""
        return ablations() or [FULL]

    def students(self) -> str:
        """Every name that a trained student can have, as the pattern of a wildcard."""
        return students()

    def corpus(self, name: str) -> CorpusSettings:
        return self.config.corpora[name]

    def root(self, corpus: str) -> Path:
        """The folder that the manifest's paths are relative to."""
        settings = self.corpus(corpus)
        if self.is_made(corpus):
            return Path("work") / corpus / "media"
        candidates = [Path(self.config.data_root) / folder for folder in settings.roots]
        return next((path for path in candidates if path.is_dir()), candidates[0])

    def is_made(self, corpus: str) -> bool:
        """Whether the workflow renders this corpus itself."""
        return self.corpus(corpus).reader == "demo"

    def names(self, kind: str, backend: str) -> str:
        """The entries of one kind with this backend, as the pattern of a wildcard."""
        entries = getattr(self.config, kind)
        return "|".join(name for name, entry in entries.items() if entry.backend == backend) or "(?!)"

    # --- manifests and shards ------------------------------------------------------------------------------------

    def manifest_path(self, corpus: str) -> Path:
        return Path("work") / corpus / "manifest.parquet"

    def manifest(self, corpus: str) -> Manifest | None:
        """The corpus's manifest, brought up to date; None for a corpus that is missing in a dry run."""
        if corpus not in self._manifests:
            self._manifests[corpus] = self._load(corpus)
        return self._manifests[corpus]

    def _load(self, corpus: str) -> Manifest | None:
        path = self.manifest_path(corpus)
        if self.main or not path.exists():
            try:
                found = list_corpus(path, self.corpus(corpus), self.root(corpus), data_root=self.config.data_root)
                save_manifest(path, found)
            except MissingDataError as error:
                if not self.dry_run or not self._only_pretraining(corpus):
                    raise
                log.warning("planned without the clips of '%s':\n%s", corpus, error)
                return None
        return load_manifest(path)

    def _only_pretraining(self, corpus: str) -> bool:
        return all(experiment.corpus != corpus for experiment in self.config.experiments.values())

    def shards(self, corpus: str) -> list[str]:
        """Names of all shards of `corpus`."""
        manifest = self.manifest(corpus)
        return manifest.shards if manifest else []

    def test_shards(self, corpus: str) -> list[str]:
        """Shards that hold at least one test clip."""
        manifest = self.manifest(corpus)
        return manifest.test_shards if manifest else []

    def reference_shards(self, corpus: str, shard: str, protocol: str) -> list[str]:
        """Shards that hold the reference speech of a shard's test clips."""
        return [shard] if protocol == "1.0" else self.manifest(corpus).reference_shards(shard)

    def tests_digest(self, name: str) -> str:
        """What the partners of the control systems follow from: all test clips of the experiment's corpus."""
        manifest = self.manifest(self.experiment(name).corpus)
        tests = [row for shard in self.test_shards_of(name) for row in manifest.test_rows(shard)]
        return provenance.digest([[row[key] for key in ("clip", "speaker", "text")] for row in tests])

    def rows_digest(self, corpus: str, shard: str) -> str:
        """What makes a shard stale: its own manifest rows."""
        return self.manifest(corpus).digest(shard)

    # --- files -----------------------------------------------------------------------------------------------------

    def step(self, corpus: str, step: str, *, backend: str | None = None, shards: list[str] | None = None) -> list[str]:
        """Artifacts of one step, for all shards of a corpus or for those named."""
        folder = f"work/{corpus}/{step}" + (f"/{backend}" if backend else "")
        return [f"{folder}/{shard}.parquet" for shard in (self.shards(corpus) if shards is None else shards)]

    def fit(self, kind: str, name: str) -> Fit:
        """What the codec or the features `name` are fitted on; `kind` is "codec" or "features"."""
        if kind == "codec":
            entry, folder, scripts = self.config.codecs[name], "codecs", ("fit_codec", "analyse", "audio")
            before, step, backend = {}, "analysis", name
        else:
            entry, folder, scripts = self.config.features[name], "features", ("fit_features", "crops")
            before, step, backend = self.config.crops.model_dump(mode="json"), "crops", None
        identity = provenance.digest([entry.model_dump(mode="json"), before, self.code(*scripts)])
        manifests = [self.manifest_path(corpus).as_posix() for corpus in entry.fit_on]
        stored = self._settled_inputs(Path("work") / folder / name / "fitted.json", identity)
        if stored:
            return Fit(identity, stored, manifests, settled=True)
        inputs = [path for corpus in entry.fit_on for path in self.step(corpus, step, backend=backend)]
        return Fit(identity, inputs, manifests, settled=False)

    @staticmethod
    def _settled_inputs(record: Path, identity: str) -> list[str]:
        """The inputs of a fit with this identity that was made before; none where there is no such fit."""
        try:
            stored = json.loads(record.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            return []
        return stored["inputs"] if stored.get("identity") == identity else []

    def training_data(self, name: str, run: str) -> dict[str, list[str]]:
        """Inputs of a training run: token and durations shards, and for the student the features."""
        experiment = self.experiment(name)
        stage1 = run == STAGE1
        corpora = experiment.pretraining if stage1 else (experiment.corpus,)
        files = {
            "tokens": [p for c in corpora for p in self.step(c, "tokens", backend=experiment.codec)],
            "durations": [p for c in corpora for p in self.step(c, "durations", backend=experiment.aligner)],
            "manifests": [self.manifest_path(c).as_posix() for c in corpora if self.manifest(c)],
        }
        if not stage1:
            files["features"] = self.step(experiment.corpus, "features", backend=experiment.features)
        return files

    def has_video(self, corpus: str) -> bool:
        return self.corpus(corpus).video

    def experiment_step(self, name: str, step: str, shards: list[str] | None = None) -> list[str]:
        """Artifacts of one step of the experiment's corpus, made by the backend that the experiment names."""
        experiment = self.experiment(name)
        backends = {"tokens": experiment.codec, "durations": experiment.aligner, "align": experiment.aligner}
        backends["features"] = experiment.features
        return self.step(experiment.corpus, step, backend=backends.get(step), shards=shards)

    def test_shards_of(self, name: str) -> list[str]:
        return self.test_shards(self.experiment(name).corpus)

    def reference_files(self, name: str, step: str, shard: str, protocol: str) -> list[str]:
        """Artifacts that hold the reference speech of a shard's test clips."""
        shards = self.reference_shards(self.experiment(name).corpus, shard, protocol)
        return self.experiment_step(name, step, shards)

    def test_files(self, name: str, step: str, protocol: str = "1.0") -> list[str]:
        """Artifacts of one step that hold all test clips, and in protocol 2.0 their reference speech."""
        corpus, shards = self.experiment(name).corpus, self.test_shards_of(name)
        held = {other for shard in shards for other in self.reference_shards(corpus, shard, protocol)}
        return self.experiment_step(name, step, sorted({*shards, *held}))

    def teacher(self, name: str, run: str, file: str = "model.safetensors") -> list[str]:
        """A file of a student's teacher, where it has one."""
        parts = self.experiment(name, run).parts
        has_one = run != STAGE1 and (parts.pretraining or parts.distillation)
        return [f"runs/{name}/{STAGE1}/{file}"] if has_one else []

    def video_weights(self, name: str, run: str) -> list[str]:
        """The published weights that a student sees through."""
        return [] if run == STAGE1 else [*self.feature_files(self.experiment(name).features), *self.crop_files()]

    def synthesis(self, name: str, run: str, nfe: int | None = None) -> dict[str, Any]:
        """How a run's dubs are sampled; `nfe` in place of the experiment's own."""
        settings = self.experiment(name, run).synthesis.model_dump(mode="json")
        return settings if nfe is None else {**settings, "nfe": nfe}

    def external_names(self) -> str:
        """The external systems of all experiments, as the pattern of a wildcard."""
        names = {system for experiment in self.config.experiments.values() for system in experiment.external}
        return "|".join(sorted(names)) or "(?!)"

    def external_folder(self, name: str, system: str, protocol: str) -> Path:
        """The folder in which an external system's speech lies."""
        return Path(self.experiment(name).external[system].folder.replace("{protocol}", protocol))

    def external_digest(self, name: str, system: str, protocol: str, shard: str) -> str:
        """What makes an external system's shard stale: the files for its clips."""
        rows = self.manifest(self.experiment(name).corpus).rows(shard)
        return folder_digest(rows, self.external_folder(name, system, protocol))

    def dubs_file(self, name: str, system: str, protocol: str, shard: str) -> str:
        """Where a system's speech for a shard lies; the bounding systems sound the same in every setting."""
        folder = f"results/{name}/dubs/{system}"
        return f"{folder}/{ANY if system in BASELINES else protocol}/{shard}.parquet"

    def layout(self, name: str, table: str = MAIN, run: str = FULL) -> Layout:
        """What stands in a table of the experiment; `run` is the ablation of a table of one."""
        return self.experiment(name).layout(table, run)

    def run_of(self, system: str) -> str | None:
        """The training run that a system of a table comes from."""
        return run_of(system)

    def trained(self, name: str, layout: Layout) -> dict[str, str]:
        """System -> summary of its run, of the systems that were trained here."""
        runs = {system: self.run_of(system) for system in layout.systems}
        return {system: f"runs/{name}/{run}/summary.json" for system, run in runs.items() if run}

    def _cells(self, name: str, layout: Layout) -> Iterator[tuple[str, str, str]]:
        for system in layout.systems:
            for protocol in layout.protocols:
                for shard in self.test_shards_of(name):
                    yield system, protocol, shard

    def scores(self, name: str, layout: Layout) -> list[str]:
        """Every score file that a table gathers."""
        cells = self._cells(name, layout)
        return [f"results/{name}/scores/{system}/{protocol}/{shard}.parquet" for system, protocol, shard in cells]

    def report_tables(self, name: str, *more: str) -> list[str]:
        """The kinds of tables of a report: the main one, those asked for, and the controls where they are shown."""
        return [MAIN, *more, *(["controls"] if self.experiment(name).controls else [])]

    def report_scores(self, name: str) -> list[str]:
        """Every score file whose failed clips a report lists: of the main table, and of the controls."""
        kinds = self.report_tables(name)
        return list(dict.fromkeys(path for kind in kinds for path in self.scores(name, self.layout(name, kind))))

    def dubs(self, name: str) -> list[str]:
        """The speech of every system of the main table for every test shard."""
        return sorted({self.dubs_file(name, *cell) for cell in self._cells(name, self.layout(name))})

    def run_dubs(self, name: str, run: str = FULL) -> list[str]:
        """One run's speech for every test shard, in the first protocol."""
        protocol = self.experiment(name).protocols[0]
        return [self.dubs_file(name, run, protocol, shard) for shard in self.test_shards_of(name)]

    def sync_files(self, name: str) -> list[str]:
        """The lip-sync encoders, where a metric needs them."""
        wanted = needs_sync_encoders(self.experiment(name).metrics)
        return [f"work/sync/{name}.safetensors"] if wanted else []

    def scoring_memory(self, name: str) -> int:
        """MB that a scoring job needs: all of an experiment's metrics are loaded at once."""
        return scoring_memory(self.experiment(name).metrics)

    def failures(self, name: str) -> list[str]:
        """The failure lists of every step that the experiment's clips go through."""
        steps = ("audio", "crops", "features", "align", "durations", "tokens")
        files = [path for step in steps for path in self.experiment_step(name, step)] + self.dubs(name)
        return [path.replace(".parquet", ".failures.parquet") for path in files]

    def listening_answers(self, name: str) -> list[str]:
        """Every listener's answers, in all settings of the experiment.

        Raises:
            MissingDataError: nobody has answered yet.
        """
        folders = [folder_of(name, protocol) for protocol in self.experiment(name).protocols]
        files = [path.as_posix() for folder in folders for path in answer_files(folder)]
        if not files:
            raise MissingDataError(
                f"No listener has answered for the experiment '{name}' yet.",
                looked_at=", ".join(map(str, folders)),
                hint=f"This command starts the listening test: dubber listen --experiment {name}",
            )
        return files

    def listening_tests(self, name: str) -> list[str]:
        """The listening tests that somebody has answered."""
        folders = {Path(path).parent.parent for path in self.listening_answers(name)}
        return [file_of(folder).as_posix() for folder in sorted(folders)]

    # --- parameters --------------------------------------------------------------------------------------------------

    def codec_files(self, codec: str) -> list[str]:
        """What a codec is loaded from.

        Raises:
            MissingDataError: published weights are not where the configuration says.
        """
        settings = self.config.codecs[codec]
        if settings.backend == "world":
            return [f"work/codecs/{codec}/codec.safetensors"]
        return self._published(settings.needed)

    def crop_files(self) -> list[str]:
        """What the face detector is loaded from, beside its package.

        Raises:
            MissingDataError: published weights are not where the configuration says.
        """
        return self._published(self.config.crops.needed)

    def transform(self, features: str) -> list[str]:
        """The fitted transform of the features, where a stream needs one."""
        return [f"work/features/{features}/transform.safetensors"] if self.config.features[features].is_fitted else []

    def feature_files(self, features: str) -> list[str]:
        """The published weights that the features need.

        Raises:
            MissingDataError: they are not where the configuration says.
        """
        return self._published(self.config.features[features].needed)

    def imported_digest(self, features: str, corpus: str, shard: str) -> str:
        """What makes a shard of imported features stale: the user's files for its clips.

        Raises:
            MissingDataError: a folder is not there.
        """
        settings = self.config.features[features]
        folders = [Path(stream.folder) for stream in (settings.lip, settings.face) if stream.backend == "import"]
        clips = [row["clip"] for row in self.manifest(corpus).rows(shard)] if folders else []
        return provenance.digest([imported_files.folder_digest(folder, clips) for folder in folders]) if folders else ""

    def _published(self, needed: Needed | None) -> list[str]:
        """Those of the files that exist; all of them, unless this is a dry run."""
        return require(needed, dry_run=self.dry_run) if needed else []

    def codec_of(self, name: str) -> CodecSettings:
        return self.config.codecs[self.experiment(name).codec]

    def report_settings(self, name: str) -> dict[str, Any]:
        """The experiment as its report tells it: all but the execution of the training."""
        return self.experiment(name).reported()

    def code(self, *scripts: str) -> str:
        """Digest of the package code that these scripts reach."""
        if scripts not in self._codes:
            digests = [provenance.code_digest(SCRIPTS / f"{script}.py") for script in scripts]
            self._codes[scripts] = digests[0] if len(digests) == 1 else provenance.digest(digests)
        return self._codes[scripts]


def as_json(settings: Settings | dict | list) -> str:
    """Settings as the JSON text that a script's `--settings` takes."""
    plain = settings.model_dump(mode="json") if isinstance(settings, Settings) else settings
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))
