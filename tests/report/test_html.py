"""The report: one file that needs nothing else, with every number's backend, every failure, every player."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import av
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dubber.artifacts import FAILURES, write_rows
from dubber.report.comparisons import compare
from dubber.report.examples import choose_examples
from dubber.report.figure_files import write_figures
from dubber.report.html import ReportInputs, build_report, flatten
from dubber.report.published import beside
from dubber.report.settings import BootstrapSettings, ReportSettings
from dubber.report.tables import RunFacts, build_table, load_scores, write_csv
from dubber.steps.score import SCORES

TEXT = pa.string()
MANIFEST = pa.schema([(name, TEXT) for name in ("clip", "speaker", "split", "text", "video")])
DUBS = pa.schema([("clip", TEXT), ("samples", pa.list_(pa.int16()))])
PRINTED = {"full": 9.65, "Other": 11.7}  # published word error rates
ATTENTION = pa.schema(
    [
        ("clip", TEXT),
        ("phonemes", pa.list_(TEXT)),
        ("video_text", pa.list_(pa.float32())),
        ("speech_text", pa.list_(pa.float32())),
        ("frame_durations", pa.list_(pa.int16())),
        ("token_durations", pa.list_(pa.int16())),
    ]
)
SETTINGS = ReportSettings(bootstrap=BootstrapSettings(samples=100), players=2, spectrograms=1, attention_maps=1)
CLIPS = [("c1", "s1"), ("c2", "s1"), ("c3", "s2"), ("c4", "s2")]


def write_video(path) -> None:
    """A third of a second of H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for i in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * i, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_run(folder):
    run = folder / "runs" / "full"
    (run / "f00d").mkdir(parents=True)
    lines = [json.dumps({"step": s, "phase": "train", "loss": 3.0 - s, "terms": {"flow": 1.0}}) for s in range(2)]
    (run / "f00d" / "metrics.jsonl").write_text("\n".join(lines))
    (run / "f00d" / "environment.json").write_text(json.dumps({"torch": "2.13.0"}))
    (run / "summary.json").write_text(json.dumps({"fingerprint": "f00d", "parameters": 1234567}))
    return run / "summary.json"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> ReportInputs:
    folder = tmp_path_factory.mktemp("report")
    rows = [
        {"clip": c, "speaker": s, "split": "test", "text": f"{c} <b>now</b>", "video": f"{c}.mp4"} for c, s in CLIPS
    ]
    write_rows(folder / "manifest.parquet", [*rows, {"clip": "t", "speaker": "s1", "split": "train"}], MANIFEST)
    for clip, _ in CLIPS:
        write_video(folder / "media" / f"{clip}.mp4")
    rng = np.random.default_rng(0)
    recorded = {clip: rng.integers(-3000, 3000, 5120).astype(np.int16) for clip, _ in CLIPS}
    dubs, scores = [], []
    for system in ("ground_truth", "full"):
        for protocol in ("1.0", "2.0"):
            dubbed = [c for c in recorded if system == "ground_truth" or c != "c3"]
            made = [
                {"clip": c, "samples": recorded[c] // (1 if system == "ground_truth" else int(protocol[0]) + 1)}
                for c in dubbed
            ]
            dubs.append(folder / "dubs" / system / protocol / "0000.parquet")
            scores.append(folder / "scores" / system / protocol / "0000.parquet")
            write_rows(dubs[-1], made, DUBS)
            of_clips = [
                {"clip": c, "metric": "WER", "value": 12.5 if c in dubbed else 100.0, "weight": 6.0}
                | {"backend": "pocketsphinx:grid", "reason": None if c in dubbed else "no output: no face"}
                for c in recorded
            ]
            write_rows(scores[-1], of_clips, SCORES)
    lost = [{"clip": "t", "step": "crops", "reason": "the file is empty"}]
    write_rows(folder / "0000.failures.parquet", lost, FAILURES)
    map_row = {"clip": "c1", "phonemes": ["sil", "N"], "video_text": [0.5] * 16, "speech_text": [0.5] * 52}
    durations = {"frame_durations": [3, 5], "token_durations": [10, 16]}
    write_rows(folder / "attention.parquet", [map_row | durations], ATTENTION)
    table = build_table(load_scores(scores), runs={"full": RunFacts("f00d", 1000)}, bootstrap=SETTINGS.bootstrap)
    write_csv(table, folder / "table.csv")
    errors = {"error_ms": [62.4, 91.0], "error_ms_low": [60.0, 88.0], "error_ms_high": [65.0, 94.0]}
    shares = {"within_40ms": [0.7, 0.5], "within_80ms": [0.9, 0.8]}
    counted = {"system": ["full", "evenly_spread"], "n_ok": [4, 4], "n_failed": [0, 0]}
    write_csv(pd.DataFrame(counted | errors | shares), folder / "alignment.csv")
    return ReportInputs(
        experiment="demo",
        command="snakemake --cores 2 results/demo/report.html",
        settings={"size": "tiny", "synthesis": {"nfe": 16}},
        tables={"table": folder / "table.csv"},
        scores=tuple(scores),
        dubs=tuple(dubs),
        manifest=folder / "manifest.parquet",
        media_root=folder / "media",
        runs={"full": write_run(folder)},
        attention=(folder / "attention.parquet",),
        alignment=(folder / "alignment.csv",),
        failures=(folder / "0000.failures.parquet",),
    )


@pytest.fixture(scope="module")
def page(inputs, tmp_path_factory) -> str:
    output = tmp_path_factory.mktemp("page") / "report.html"
    build_report(inputs, SETTINGS, output)
    return output.read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Collects what a page loads, its texts, and whether its elements are closed."""

    void = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag not in self.void:
            self.open.append(tag)
        self.sources += [(tag, value) for key, value in attrs if key == "src" or (key == "href" and tag != "a")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(" ".join(data.split()))


def test_the_file_needs_no_other(page):
    tags = Tags(page)
    assert not tags.open
    assert all(source.startswith("data:") for _, source in tags.sources)
    assert not re.search(r"https?://|@import|url\(", re.sub(r"data:[^\"]+", "", page))


def test_players_hold_the_video_with_each_systems_sound(page, tmp_path):
    videos = [source for tag, source in Tags(page).sources if tag == "video"]
    assert len(videos) == 2 * 3  # the recording (once), protocol 1.0, protocol 2.0
    (tmp_path / "player.mp4").write_bytes(base64.b64decode(videos[1].removeprefix("data:video/mp4;base64,")))
    with av.open(tmp_path / "player.mp4") as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.audio[0].codec_context.name == "aac"


def test_numbers_name_interval_clips_backend_and_run(page):
    assert "WER 34.375 %; 95% interval" in page
    assert "4 clips; measured by pocketsphinx:grid" in page
    assert "run f00d" in page
    assert "3 / 1" in page


def test_the_boundary_error_stands_beside_the_attention_maps(page):
    section = page.split('<section id="attention">')[1].split("</section>")[0]
    assert "are 62 (60 – 65) ms" in section and "70% of them are within one video frame" in section
    assert "91 (88 – 94) ms off" in section


def test_what_was_run_is_told(page):
    words = Tags(page).words
    for fact in ("tiny", "synthesis.nfe", "1,234,567", "2.13.0", "snakemake --cores 2 results/demo/report.html"):
        assert fact in words


def test_every_failure_is_listed_with_its_reason(page):
    words = Tags(page).words
    assert "the file is empty" in words
    assert words.count("no output: no face") == 2
    assert "scoring full in protocol 2.0" in words


def test_texts_are_escaped(page):
    assert "&lt;b&gt;now&lt;/b&gt;" in page
    assert "<b>now" not in page


def test_examples_go_round_the_speakers_and_prefer_clips_of_every_system(inputs):
    rows = [
        {"clip": c, "speaker": s, "split": "test", "text": "", "video": None} for c, s in CLIPS
    ]  # c3 was not dubbed, so c4 speaks for s2
    chosen = choose_examples(rows, inputs.dubs, media_root=inputs.media_root, count=4)
    assert {example.speaker for example in chosen[:2]} == {"s1", "s2"}
    assert chosen[-1].clip == "c3"
    assert [version.label for version in chosen[0].versions] == [
        "recording",
        "full, protocol 1.0",
        "full, protocol 2.0",
    ]


def test_nested_settings_become_dotted_keys():
    nested = {"a": {"b": 1}, "metrics": [{"name": "wer", "beam": 5}], "settings": ("1.0", "2.0"), "x": None}
    assert flatten(nested) == {
        "a.b": "1",
        "metrics.wer.name": "wer",
        "metrics.wer.beam": "5",
        "settings": "1.0, 2.0",
        "x": "None",
    }


def test_figures_are_written_as_vectors_and_png(inputs, tmp_path):
    written = write_figures(inputs, SETTINGS, tmp_path)
    stems = {path.stem for path in written}
    assert {"losses_full", "attention_c1"} < stems
    assert len([stem for stem in stems if stem.startswith("spectrograms_")]) == 1
    assert {path.suffix for path in written} == {".svg", ".pdf", ".png"}
    assert all(path.stat().st_size > 1000 for path in written)


@pytest.fixture(scope="module")
def paper(inputs, tmp_path_factory) -> str:
    """The page with other tables, paired tests and published figures."""
    folder = tmp_path_factory.mktemp("paper")
    table = pd.read_csv(inputs.tables["table"], dtype={"protocol": str})
    printed = {"table": "table", "protocol": "1.0", "source": "Table 1", "remark": "the paper", "interval95": ""}
    figures = pd.DataFrame(
        [
            printed | {"system": name, "metric": "WER", "value": value}
            for name, value in (("full", 9.65), ("Other", 11.7))
        ]
    )
    kinds = {
        "table": beside(table, figures),
        "ablations": table,
        "nfe": table[table.system == "full"].assign(system="nfe_8"),
    }
    for kind, made in kinds.items():
        write_csv(made, folder / f"demo_{kind}.csv")
    write_csv(compare(load_scores(inputs.scores), baseline="full", bootstrap=SETTINGS.bootstrap), folder / "table.csv")
    tables = {kind: folder / f"demo_{kind}.csv" for kind in kinds}
    build_report(replace(inputs, tables=tables, comparisons=(folder / "table.csv",)), SETTINGS, folder / "paper.html")
    return (folder / "paper.html").read_text(encoding="utf-8")


def test_every_table_stands_on_the_paper_page_with_its_command_and_figure(paper):
    tags = Tags(paper)
    assert not tags.open
    assert {"Results", "Ablations", "Evaluations", "Differences"} <= set(tags.words)
    assert "demo_nfe.csv</code>" in paper
    assert "Evaluations as a figure" in paper and "Ablations as a figure" in paper


def test_published_figures_look_unlike_measured_ones(paper):
    assert '<td class="number published" title="published, not measured here: Table 1 (the paper)"' in paper
    assert ">11.7<small>" in paper
    assert 'title="only published"' in paper
