"""Training: stage 1 makes the zero-shot TTS teacher, stage 2 adapts it to dubbing.

In: tokens, durations and feature shards. Out: runs/<experiment>/<run>/{model.safetensors,summary.json}.
Checkpoints live beside them, in a folder named by the fingerprint of everything that changes the result; they are not
declared, so Snakemake never deletes them and a killed run goes on from the last whole one.

A scheduler's signal to stop reaches all processes of a job at once: the shell and tee outlive the trainer, which then
writes a checkpoint and says so.

`execution` (the device, how often a checkpoint is written) changes no weight. It is a resource because Snakemake runs a
job again when a parameter changes, and not when a resource does.
"""


rule stage1:
    """Pre-train the teacher: text and a voice to codec tokens (eq. 9)."""
    input:
        tokens=training("tokens", run="stage1"),
        durations=training("durations", run="stage1"),
        manifests=training("manifests", run="stage1"),
    output:
        model="runs/{experiment}/stage1/model.safetensors",
        summary="runs/{experiment}/stage1/summary.json",
    log:
        "logs/stage1/{experiment}.log",
    benchmark:
        "benchmarks/rules/stage1/{experiment}.tsv"
    retries: 2
    conda:
        ENVIRONMENT
    threads: all_cores
    resources:
        mem_mb=lambda w, attempt: 12000 * attempt,
        gpu=ask(lambda w: PLAN.experiment(w.experiment).stage1.execution().processes),
        runtime=2880,  # each attempt goes on where the last one ended, so none needs more time than the first
        execution=ask(lambda w: as_json(PLAN.experiment(w.experiment).stage1.execution())),
    params:
        settings=ask(lambda w: PLAN.config.run_settings(w.experiment, "stage1").to_json()),
        code=code("stage1"),
    shell:
        "trap : TERM; exec &> >(trap '' TERM; exec tee -a {log:q}); "
        "python workflow_scripts/stage1.py --tokens {input.tokens:q} --durations {input.durations:q} "
        "--manifests {input.manifests:q} --settings {params.settings:q} --execution {resources.execution:q} "
        "--code {params.code} --threads {threads} "
        "--model {output.model:q} --summary {output.summary:q}"


rule stage2:
    """Adapt the teacher to dubbing: text, video and a voice to codec tokens (eq. 7)."""
    input:
        tokens=training("tokens"),
        durations=training("durations"),
        features=training("features"),
        manifests=training("manifests"),
        teacher=ask(lambda w: PLAN.teacher(w.experiment, w.run)),
    output:
        model="runs/{experiment}/{run}/model.safetensors",
        summary="runs/{experiment}/{run}/summary.json",
    log:
        "logs/stage2/{experiment}/{run}.log",
    benchmark:
        "benchmarks/rules/stage2/{experiment}/{run}.tsv"
    wildcard_constraints:
        run=PLAN.students(),
    retries: 2
    conda:
        ENVIRONMENT
    threads: all_cores
    resources:
        mem_mb=lambda w, attempt: 12000 * attempt,
        gpu=ask(lambda w: PLAN.experiment(w.experiment, w.run).stage2.execution().processes),
        runtime=2880,  # each attempt goes on where the last one ended, so none needs more time than the first
        execution=ask(lambda w: as_json(PLAN.experiment(w.experiment, w.run).stage2.execution())),
    params:
        teacher=lambda w, input: f"--teacher {input.teacher[0]}" if input.teacher else "",
        settings=ask(lambda w: PLAN.config.run_settings(w.experiment, w.run).to_json()),
        code=code("stage2"),
    shell:
        "trap : TERM; exec &> >(trap '' TERM; exec tee -a {log:q}); "
        "python workflow_scripts/stage2.py --tokens {input.tokens:q} --durations {input.durations:q} "
        "--features {input.features:q} --manifests {input.manifests:q} {params.teacher} "
        "--settings {params.settings:q} --execution {resources.execution:q} "
        "--code {params.code} --threads {threads} "
        "--model {output.model:q} --summary {output.summary:q}"


rule bundle:
    """Describe a trained run in dubber.json, which is all that `dubber dub`, `info` and `export` read."""
    input:
        model="runs/{experiment}/{run}/model.safetensors",
        summary="runs/{experiment}/{run}/summary.json",
        teacher=ask(lambda w: PLAN.teacher(w.experiment, w.run, "summary.json")),
        codec=ask(lambda w: PLAN.codec_files(PLAN.experiment(w.experiment).codec)),
        transform=ask(lambda w: [] if w.run == "stage1" else PLAN.transform(PLAN.experiment(w.experiment).features)),
        weights=ask(lambda w: PLAN.video_weights(w.experiment, w.run)),
    output:
        manifest="runs/{experiment}/{run}/dubber.json",
    log:
        "logs/bundle/{experiment}/{run}.log",
    benchmark:
        "benchmarks/rules/bundle/{experiment}/{run}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        teacher=lambda w, input: f"--teacher {input.teacher[0]}" if input.teacher else "",
        transform=lambda w, input: f"--transform {input.transform[0]}" if input.transform else "",
        settings=ask(lambda w: as_json(PLAN.config.bundle_settings(w.experiment, w.run))),
        code=code("bundle"),
    shell:
        "exec &> >(tee {log:q}); "
        "python workflow_scripts/bundle.py --model {input.model:q} --summary {input.summary:q} {params.teacher} "
        "--codec {input.codec:q} {params.transform} --settings {params.settings:q} --manifest {output.manifest:q}"
