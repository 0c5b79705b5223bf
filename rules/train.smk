"""Training: stage 1 makes the zero-shot TTS teacher, stage 2 adapts it to dubbing.

In: tokens, durations and feature shards. Out: runs/<experiment>/<run>/{model.safetensors,summary.json}.
Checkpoints are beside them, in a folder named by the fingerprint of everything that changes the result. They are not
declared, so Snakemake never deletes them, and a killed run resumes from the last whole one.

`execution` (the device, how often a checkpoint is written) changes no weight. It is a resource because Snakemake runs a
job again when a parameter changes, and not when a resource does.
"""


rule stage1:
    """Pre-train the teacher: text and a voice to codec tokens (eq. 9)."""
    input:
        tokens=training("tokens", run="stage1"),
        durations=training("durations", run="stage1"),
        manifests=training("manifests", run="stage1"),
    output: model="runs/{experiment}/stage1/model.safetensors", summary="runs/{experiment}/stage1/summary.json"
    log: logs("stage1/{experiment}")
    benchmark: benchmarks("stage1/{experiment}")
    retries: 2
    threads: all_cores
    resources:
        mem_mb=lambda w, attempt: 12000 * attempt,
        gpu=ask(lambda w: PLAN.experiment(w.experiment).stage1.execution().processes),
        runtime=2880,  # each attempt resumes the last one, so none needs more time than the first
        execution=ask(lambda w: as_json(PLAN.experiment(w.experiment).stage1.execution())),
    params:
        settings=ask(lambda w: PLAN.config.run_settings(w.experiment, "stage1").to_json()),
        code=code("stage1"),
    shell: run("stage1", keep=True)


rule stage2:
    """Adapt the teacher to dubbing: text, video and a voice to codec tokens (eq. 7)."""
    input:
        tokens=training("tokens"),
        durations=training("durations"),
        features=training("features"),
        manifests=training("manifests"),
        teacher=ask(lambda w: PLAN.teacher(w.experiment, w.run)),
    output: model="runs/{experiment}/{run}/model.safetensors", summary="runs/{experiment}/{run}/summary.json"
    log: logs("stage2/{experiment}/{run}")
    benchmark: benchmarks("stage2/{experiment}/{run}")
    wildcard_constraints: run=PLAN.students()
    retries: 2
    threads: all_cores
    resources:
        mem_mb=lambda w, attempt: 12000 * attempt,
        gpu=ask(lambda w: PLAN.experiment(w.experiment, w.run).stage2.execution().processes),
        runtime=2880,  # each attempt resumes the last one, so none needs more time than the first
        execution=ask(lambda w: as_json(PLAN.experiment(w.experiment, w.run).stage2.execution())),
    params:
        settings=ask(lambda w: PLAN.config.run_settings(w.experiment, w.run).to_json()),
        code=code("stage2"),
    shell: run("stage2", keep=True)


rule bundle:
    """Describe a trained run in dubber.json, which is all that `dubber dub`, `info` and `export` read."""
    input:
        model="runs/{experiment}/{run}/model.safetensors",
        summary="runs/{experiment}/{run}/summary.json",
        teacher=ask(lambda w: PLAN.teacher(w.experiment, w.run, "summary.json")),
        codec=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
        transform=ask(lambda w: [] if w.run == "stage1" else PLAN.transform(PLAN.experiment(w.experiment).features)),
        weights=ask(lambda w: PLAN.video_weights(w.experiment, w.run)),
    output: manifest="runs/{experiment}/{run}/dubber.json"
    log: logs("bundle/{experiment}/{run}")
    benchmark: benchmarks("bundle/{experiment}/{run}")
    localrule: True
    resources: mem_mb=2000, runtime=30
    params: settings=ask(lambda w: as_json(PLAN.config.bundle_settings(w.experiment, w.run))), code=code("bundle")
    shell: run("bundle")
