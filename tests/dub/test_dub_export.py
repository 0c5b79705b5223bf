"""A run as one folder: everything is in it, nothing of it can be changed unnoticed, and it dubs as the run does."""

from __future__ import annotations

import dataclasses
import errno
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import dubber
from dubber import config
from dubber.cli import main
from dubber.dub.bundle import FORMAT, open_bundle
from dubber.dub.export import export
from dubber.dub.load import sampling_of
from dubber.dub.model_card import information
from dubber.dub.settings import FAST, SynthesisSettings
from dubber.errors import ConfigError, DubberError, MissingDataError
from dubber.files import checksum
from dubber.media.settings import FeatureSettings
from dubber.model.settings import describe_model
from dubber.model.weights import halve_model, save_model
from dubber.networks.lip_reading import LipReadingNetwork
from tests.helpers import tiny_project
from tests.helpers.made_up_weights import made_up, shapes

pytestmark = pytest.mark.usefixtures("one_thread")


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / "dubber.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def renew(folder: Path, name: str) -> None:
    """Make the checksums fit a file that was replaced on purpose."""
    path = folder / name
    files = json.loads((folder / "dubber.json").read_text())["files"]
    files[name] |= {"size": path.stat().st_size, "sha256": checksum(path)}
    rewrite(folder, files=files)


def test_the_folder_is_enough(tiny_run, tiny_export, film, reference, tmp_path):
    """Away from its project, the exported folder says bit for bit what the run says."""
    moved = shutil.copytree(tiny_export, tmp_path / "elsewhere")
    spoken = [
        dubber.load(path, device="cpu").dub(film, "bin blue now", reference).samples for path in (tiny_run, moved)
    ]
    assert np.array_equal(*spoken) and np.abs(spoken[0]).max() > 0.01


def test_it_says_where_it_comes_from(tiny_export):
    manifest = json.loads((tiny_export / "dubber.json").read_text())
    origin = manifest["origin"]
    assert (origin["experiment"], origin["run"]) == ("tiny", "full")
    assert origin["training"]["fingerprint"] == "f00d" and origin["training"]["code"] == "c0de"
    assert origin["training"]["data"] == {"tokens": "da7a"} and origin["teacher"]["steps"] == 6
    (corpus,) = origin["corpora"]
    assert corpus["used_for"] == ["stage 1", "stage 2", "codec", "features"] and "NASA" in corpus["licence"]
    assert origin["packages"]["torch"]["licence"] and origin["packages"]["torch"]["version"]
    assert set(manifest["files"]) == {"model.safetensors", "features.safetensors", "codec/codec.safetensors"}


def test_the_card_and_the_command_tell_the_same(tiny_run, tiny_export, capsys):
    for path in (tiny_export, tiny_run):
        main(["info", str(path)])
        told = capsys.readouterr().out
        for part in (
            "tiny/full",
            "6 steps",
            "world",
            "16 codes",
            "NASA",
            "30 (dfpa 10)",
            "25 frames",
            "16000 Hz",
            "torch",
        ):
            assert part in told, part
    card = (tiny_export / "README.md").read_text()
    assert "NASA" in card and "| torch " in card and "dubber dub --checkpoint" in card
    main(["info", str(tiny_export), "--json"])
    assert json.loads(capsys.readouterr().out)["experiment"] == "tiny"


def test_the_command_exports(tiny_run, tmp_path, capsys):
    command = ["export", str(tiny_run), "-o", str(tmp_path / "a.dubber")]
    main(command)
    assert capsys.readouterr().out.strip() == str(tmp_path / "a.dubber")
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 1 and "exists" in capsys.readouterr().err
    main([*command, "--force"])
    assert open_bundle(tmp_path / "a.dubber").exported


def test_half_precision_is_half_the_size_and_the_same_speech(tiny_run, tiny_export, film, reference, tmp_path):
    halved = tmp_path / "a.dubber"
    main(["export", str(tiny_run), "-o", str(halved), "--half"])
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (halved, tiny_export)]
    assert sizes[0] < 0.6 * sizes[1]
    quiet, loud = (
        dubber.load(folder, device="cpu").dub(film, "bin blue now", reference) for folder in (halved, tiny_export)
    )
    assert len(quiet.samples) == len(loud.samples) and np.abs(quiet.samples).max() > 0.01


def test_a_weight_beyond_half_precision_is_named(tiny_run, tmp_path):
    weights = safetensors.torch.load_file(tiny_run / "model.safetensors")
    save_model(
        tmp_path / "big",
        {**weights, "ctc.bias": weights["ctc.bias"] + 1e6},
        describe_model(tiny_run / "model.safetensors"),
    )
    with pytest.raises(DubberError, match=r"ctc\.bias does not fit in half precision"):
        halve_model(tmp_path / "big", tmp_path / "half")


def test_what_is_no_export_is_never_replaced(tiny_run, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/mine.txt").write_text("mine")
    with pytest.raises(DubberError, match="is not an exported model"):
        export(open_bundle(tiny_run), tmp_path / "a", force=True)
    assert (tmp_path / "a/mine.txt").exists()


def test_a_full_disk_leaves_nothing(tiny_run, tmp_path, monkeypatch):
    def full(source, target):
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(dubber.dub.export.shutil, "copyfile", full)
    with pytest.raises(DubberError, match="disk is full"):
        export(open_bundle(tiny_run), tmp_path / "a.dubber")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model.safetensors", "features.safetensors", "codec/codec.safetensors"])
def test_a_file_that_is_missing_cut_or_changed_is_named(own_export, name):
    path = own_export / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DubberError, match=f"{name}.*checksum"):
        dubber.load(own_export)
    path.write_bytes(content[:-1])
    with pytest.raises(DubberError, match=f"{name} has {len(content) - 1} bytes instead of {len(content)}"):
        dubber.load(own_export)
    path.unlink()
    with pytest.raises(MissingDataError, match=f"lacks the file {name}"):
        dubber.load(own_export)


def test_another_version_or_alphabet_is_refused(own_export):
    rewrite(own_export, format="dubber export 99")
    with pytest.raises(DubberError, match="format 'dubber export 99'"):
        dubber.load(own_export)
    rewrite(own_export, format=FORMAT, alphabet=["AA"])
    with pytest.raises(DubberError, match="another set of phonemes"):
        dubber.load(own_export)
    (own_export / "dubber.json").write_text("{")
    with pytest.raises(DubberError, match="description of a model is not valid"):
        dubber.load(own_export)


def test_a_setting_of_another_version_is_one_line(own_export):
    rewrite(own_export, crops={"backend": "haar", "colour": "red"})
    with pytest.raises(DubberError, match=r"not valid: crops: .*unknown key 'colour'"):
        dubber.load(own_export)


def test_weights_of_another_size_are_refused(own_export):
    wider = tiny_project.SIZES.model_copy(update={"filter": 32})
    tiny_project.write_student(own_export / "model.safetensors", claimed=wider)
    renew(own_export, "model.safetensors")
    with pytest.raises(DubberError, match="not of one model"):
        dubber.load(own_export)
    model = json.loads((own_export / "dubber.json").read_text())["model"]
    model["model"]["filter"] = 32
    rewrite(own_export, model=model)
    with pytest.raises(DubberError, match=r"of another size, \[24, .* instead of \[32, .* more"):
        dubber.load(own_export)


def test_features_and_codecs_of_another_size_are_refused(own_export):
    wide = FeatureSettings(lip_features=20, face_features=tiny_project.FACE)
    tiny_project.random_transform(wide).save(own_export / "features.safetensors")
    renew(own_export, "features.safetensors")
    with pytest.raises(DubberError, match=r"widths \(20, 10\)"):
        dubber.load(own_export)


@pytest.fixture
def lip_reading_run(tiny_run, tmp_path) -> Path:
    """A run whose lip features are those of the published network, with made-up weights."""
    project = Path(shutil.copytree(tiny_run.parents[2], tmp_path / "project"))
    weights = made_up(shapes(LipReadingNetwork()))
    (project / "downloads").mkdir()
    torch.save({"model_state_dict": weights}, project / "downloads/lips.pth")
    changes = {"lip": {"backend": "resnet18", "weights": "downloads/lips.pth"}, "lip_features": 512}
    settings = FeatureSettings.model_validate({**tiny_project.FEATURES.model_dump(), **changes})
    tiny_project.random_transform(settings).save(project / "work/features/tiny/transform.safetensors")
    wide = tiny_project.SIZES.model_copy(update={"lip_features": 512})
    tiny_project.write_student(project / "runs/tiny/full/model.safetensors", wide)
    tiny_project.describe_runs(project, **changes)
    return project / "runs/tiny/full"


def test_published_weights_can_be_left_out_and_put_back(lip_reading_run, film, reference, tmp_path):
    bundle = open_bundle(lip_reading_run)
    folder = export(bundle, tmp_path / "a.dubber", published_weights=False)
    assert not (folder / "weights/lips.pth").exists() and (folder / "codec/codec.safetensors").exists()
    with pytest.raises(MissingDataError, match=r"lacks the file weights/lips\.pth") as told:
        dubber.load(folder)
    assert "put it there" in told.value.hint and "comparison and benchmarking only" in told.value.hint
    assert "comparison and benchmarking only" in (folder / "README.md").read_text()
    shutil.copyfile(lip_reading_run.parents[2] / "downloads/lips.pth", folder / "weights/lips.pth")
    whole = export(bundle, tmp_path / "b.dubber")
    spoken = [dubber.load(path, device="cpu").dub(film, "bin", reference).samples for path in (folder, whole)]
    assert np.array_equal(*spoken)


def test_imported_features_cannot_dub_a_new_video(tiny_run, tmp_path):
    project = Path(shutil.copytree(tiny_run.parents[2], tmp_path / "project"))
    tiny_project.describe_runs(project, lip={"backend": "import", "folder": "mine"})
    with pytest.raises(DubberError, match="imported, and a new video has none"):
        dubber.load(project / "runs/tiny/full")


def test_what_is_no_model_says_what_would_be(tiny_run, tmp_path):
    with pytest.raises(MissingDataError, match=r"runs/<experiment>/<run>"):
        open_bundle(tmp_path)
    with pytest.raises(MissingDataError, match=r"There is one in .*full"):
        open_bundle(tiny_run.parent)
    alone = Path(shutil.copytree(tiny_run, tmp_path / "alone"))
    with pytest.raises(MissingDataError, match=r"dubber export runs/tiny/full -o FOLDER"):
        open_bundle(alone)
    (alone / "dubber.json").unlink()
    with pytest.raises(MissingDataError, match=r"needs its dubber\.json: snakemake --cores 1 .*/alone/dubber\.json"):
        open_bundle(alone)


def test_a_teacher_is_described_too_and_dubs_no_video(tiny_run, tmp_path):
    teacher = open_bundle(tiny_run.with_name("stage1"))
    assert (teacher.kind, teacher.video, teacher.origin.teacher) == ("tts", None, None)
    assert [corpus.used_for for corpus in teacher.origin.corpora] == [("stage 1", "codec")]
    with pytest.raises(DubberError, match="teacher, which sees no video"):
        dubber.load(teacher.path)
    moved = open_bundle(export(teacher, tmp_path / "teacher.dubber"))
    assert moved.exported and moved.kind == "tts" and moved.files[0].parent == moved.path
    assert "video       none" in information(moved)


def test_a_run_that_was_trained_again_needs_a_new_description(tiny_run, tmp_path):
    run = Path(shutil.copytree(tiny_run.parents[2], tmp_path / "project")) / "runs/tiny/full"
    content = (run / "model.safetensors").read_bytes()
    (run / "model.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DubberError, match="checksum differs") as told:
        dubber.load(run)
    assert "snakemake --cores 2 runs/tiny/full/dubber.json" in told.value.hint


def test_a_licence_is_no_part_of_a_runs_identity():
    changed = {"corpora": {"demo": {"licence": "another"}}}
    settings = [config.read(tiny_project.CONFIGURATION, more) for more in ({}, changed)]
    assert settings[0].run_settings("tiny") == settings[1].run_settings("tiny")
    assert settings[0].bundle_settings("tiny") != settings[1].bundle_settings("tiny")


def test_a_run_without_its_codec_names_the_file(tiny_run, tmp_path):
    project = Path(shutil.copytree(tiny_run.parents[2], tmp_path / "project"))
    (project / "work/codecs/world_tiny/codec.safetensors").unlink()
    for look in (dubber.load, open_bundle):
        with pytest.raises(MissingDataError, match=r"lacks the file .*work/codecs/world_tiny/codec\.safetensors"):
            look(project / "runs/tiny/full")


def test_sampling_can_be_changed_within_reason(tiny_export):
    own, other, named = (dubber.load(tiny_export, **o).synthesis for o in ({}, {"nfe": 7}, {"sampler": "euler"}))
    assert (own.sampler, own.nfe) == ("exact", 2)
    assert other == own.model_copy(update={"nfe": 7}) and named == own.model_copy(update={"sampler": "euler"})
    with pytest.raises(ConfigError, match=r"sampler: .*euler"):
        dubber.load(tiny_export, sampler="best")
    with pytest.raises(ConfigError, match="nfe: "):
        dubber.load(tiny_export, nfe=0)


def test_a_single_dub_does_not_take_the_papers_many_steps_unless_they_are_named(tiny_export):
    papers = dataclasses.replace(open_bundle(tiny_export), synthesis=SynthesisSettings())
    assert sampling_of(papers, {}) == FAST
    assert sampling_of(papers, {"nfe": 7}) == FAST.model_copy(update={"nfe": 7})
    assert sampling_of(papers, {"sampler": "euler"}) == papers.synthesis
