"""Training: stage 1 makes the zero-shot TTS teacher, stage 2 adapts it to dubbing: runs/<experiment>/<run>/.

Checkpoints are beside the model, in a folder named by the fingerprint of everything that changes the result. They are
not declared, so Snakemake never deletes them, and a killed run resumes from the last whole one.
"""

pretraining = lambda w: [corpus for corpus in experiment_of(w).pretraining if is_present(corpus)]
run_name = lambda w: w.get("run", STAGE1)
run_settings = lambda w: CONFIG.run_settings(w.experiment, run_name(w)).to_json()
execution = lambda w: experiment_of(w, run_name(w)).stage(run_name(w)).execution()

# `execution` (device, processes, intervals) changes no weight. It is a resource because Snakemake runs a job again when
# a param changes, and not when a resource does. Each attempt resumes the last, so none needs more time than the first.
TRAINING = {
    "mem_mb": lambda w, attempt: 12000 * attempt,
    "gpu": lambda w: execution(w).processes,
    "runtime": 2880,
    "execution": lambda w: as_json(execution(w)),
}
has_teacher = lambda w: experiment_of(w, w.run).has_teacher(w.run)
of_teacher = lambda output: checked(lambda w: expanded(output, experiment=w.experiment) if has_teacher(w) else [])
video = lambda w: [CONFIG.features[experiment_of(w).features].needed, CONFIG.crops.needed] if w.run != STAGE1 else []
video_weights = checked(lambda w: sum(map(weights, video(w)), []))
all_cores = lambda w: workflow.cores  # of one machine; a cluster has no number of its own, its profile sets one


rule stage1:
    """Pre-train the teacher: text and a voice to codec tokens (eq. 9)."""
    input: tokens=made_by(rules.tokens, corpora=pretraining), durations=made_by(rules.durations, corpora=pretraining)
    output: model="runs/{experiment}/stage1/model.safetensors", summary="runs/{experiment}/stage1/summary.json"
    log: logs("stage1/{experiment}")
    benchmark: benchmarks("stage1/{experiment}")
    retries: 2
    threads: all_cores
    resources: **TRAINING
    params: manifests=lambda w: manifests(pretraining(w)), settings=run_settings, code=code("stage1")
    shell: run("stage1", keep=True)


rule stage2:
    """Adapt the teacher to dubbing: text, video and a voice to codec tokens (eq. 7)."""
    input:
        tokens=made_by(rules.tokens),
        durations=made_by(rules.durations),
        features=made_by(rules.features),
        teacher=of_teacher(rules.stage1.output.model),
    output: model="runs/{experiment}/{run}/model.safetensors", summary="runs/{experiment}/{run}/summary.json"
    log: logs("stage2/{experiment}/{run}")
    benchmark: benchmarks("stage2/{experiment}/{run}")
    wildcard_constraints: run=students()
    retries: 2
    threads: all_cores
    resources: **TRAINING
    params: manifests=lambda w: [manifest(w)], settings=run_settings, code=code("stage2")
    shell: run("stage2", keep=True)


rule bundle:
    """Describe a trained run in dubber.json, which is all that `dubber dub`, `info` and `export` read."""
    input:
        model=rules.stage2.output.model,
        summary=rules.stage2.output.summary,
        teacher=of_teacher(rules.stage1.output.summary),
        codec=checked(codec_files),
        transform=lambda w: transform_of(experiment_of(w).features) if w.run != STAGE1 else [],
        weights=video_weights,
    output: manifest="runs/{experiment}/{run}/dubber.json"
    log: logs("bundle/{experiment}/{run}")
    benchmark: benchmarks("bundle/{experiment}/{run}")
    resources: mem_mb=2000, runtime=30
    params: settings=lambda w: as_json(CONFIG.bundle_settings(w.experiment, w.run)), code=code("bundle")
    shell: run("bundle")
