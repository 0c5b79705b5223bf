"""Speech for the test clips of a shard, in one format: results/<experiment>/dubs/<system>/<protocol>/<shard>.parquet."""

from dubber.experiment import NFE, TEXT_ONLY, dubs_folder
from dubber.user_files import speech_digest

dubs = lambda system: shard_files(dubs_folder("{experiment}", system, "{protocol}"))

# Shards that hold the reference speech of a shard's test clips.
references = lambda w, protocol=None: manifest_of(w).reference_shards(w.shard, protocol or w.protocol)
model_of = lambda w: expanded(rules.stage2.output.model, experiment=w.experiment, run=run_of(w.system))
codec_settings = lambda w: as_json(CONFIG.codecs[experiment_of(w).codec])


def speaking(step):
    """The params of a step that speaks a shard's clips: the sampler of the system, and the codec."""
    return {
        **clips(step),
        "settings": lambda w: as_json(CONFIG.synthesis(w.experiment, w.get("system", TEXT_ONLY))),
        "codec": codec_settings,
    }


rule dub:
    """Dub a shard's test clips: silent video, text and the protocol's reference voice to speech.

    The systems `nfe_<n>` are the full one with another number of evaluations of the denoiser (Table 4).
    """
    input:
        model=model_of,
        features=made_by(rules.features, this_shard),
        tokens=made_by(rules.tokens, this_shard),
        voices=made_by(rules.tokens, references),
        codec_files=checked(codec_files),
    output: **dubs("{system}")
    log: logs("dub/{experiment}/{system}/{protocol}/{shard}")
    benchmark: benchmarks("dub/{experiment}/{system}/{protocol}/{shard}")
    wildcard_constraints: system=f"{students()}|{NFE}[1-9][0-9]*"
    resources: gpu=1, **growing(6000, 240)
    params: **speaking("dub")
    shell: run("dub")


external_folder = lambda w: experiment_of(w).external[w.system].folder.replace("{protocol}", w.protocol)
external_digest = lambda w: speech_digest(Path(external_folder(w)), manifest_of(w).rows(w.shard))


rule external:
    """Another system's speech for a shard's test clips, from the folder that the configuration names."""
    output: **dubs("{system}")
    log: logs("external/{experiment}/{system}/{protocol}/{shard}")
    benchmark: benchmarks("external/{experiment}/{system}/{protocol}/{shard}")
    wildcard_constraints: system="|".join(CONFIG.external_systems()) or "(?!)"
    resources: **growing(2000, 30)
    params: **clips("external", share=1.0), folder=external_folder, files=checked(external_digest)
    shell: run("external")


def speech(experiment, cells, shards, output="artifact"):
    """The speech of pairs of system and protocol."""
    folders = dict.fromkeys(dubs_folder(experiment, system, protocol) for system, protocol in cells)
    return [path for folder in folders for path in expanded(shard_files(folder)[output], shard=shards)]


def full_speech(wildcards):
    """The full system's speech for every test shard, in the first protocol."""
    cells = [(FULL, experiment_of(wildcards).protocols[0])]
    return speech(wildcards.experiment, cells, test_shards(wildcards))


rule resynthesise:
    """What the codec alone makes of a shard's test clips: the upper bound of every dub."""
    input: tokens=made_by(rules.tokens, this_shard), codec_files=checked(codec_files)
    output: **dubs("codec")
    log: logs("resynthesise/{experiment}/{shard}")
    benchmark: benchmarks("resynthesise/{experiment}/{shard}")
    resources: **growing(4000, 60)
    params: **clips("resynthesise"), codec=codec_settings
    shell: run("resynthesise")


rule ground_truth:
    """The recordings of a shard's test clips, cut to the length of their video."""
    input: audio=made_by(rules.audio, this_shard), crops=made_by(rules.crops, this_shard)
    output: **dubs("ground_truth")
    log: logs("ground_truth/{experiment}/{shard}")
    benchmark: benchmarks("ground_truth/{experiment}/{shard}")
    resources: **growing(2000, 30)
    params: **clips("ground_truth")
    shell: run("ground_truth")


rule attention:
    """Gather the attention maps of some test clips, with the aligner's durations to draw over them."""
    input: dubs=checked(full_speech), durations=made_by(rules.durations, test_shards)
    output: artifact="results/{experiment}/attention.parquet"
    log: logs("attention/{experiment}")
    benchmark: benchmarks("attention/{experiment}")
    resources: mem_mb=2000, runtime=15
    params: code=code("attention")
    shell: run("attention")
