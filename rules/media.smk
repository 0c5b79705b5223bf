"""Sound, face and lip crops, and their features, one job a shard.

In: the clips of a shard. Out: work/<corpus>/{audio,crops}/<shard>.parquet, work/features/<features>/transform.safetensors,
work/<corpus>/features/<features>/<shard>.parquet.
"""


rule audio:
    """Decode the sound of a shard's clips to 16 kHz mono."""
    input: manifest=ask(manifest), rendered=ask(rendered)
    output: **shard_files("work/{corpus}/audio")
    log: logs("audio/{corpus}/{shard}")
    benchmark: benchmarks("audio/{corpus}/{shard}")
    resources: **growing(2000, 60)
    params: rows=ask(rows), root=lambda w: PLAN.root(w.corpus).as_posix(), max_failed_share=SHARE, code=code("audio")
    shell: run("audio")


rule crops:
    """Decode a shard's video at 25 frames a second, find and track the face, cut out face and lips."""
    input: manifest=ask(manifest), rendered=ask(rendered), weights=ask(lambda w: PLAN.crop_files())
    output: **shard_files("work/{corpus}/crops")
    log: logs("crops/{corpus}/{shard}")
    benchmark: benchmarks("crops/{corpus}/{shard}")
    resources: **growing(3000, 240)
    params:
        rows=ask(rows),
        root=lambda w: PLAN.root(w.corpus).as_posix(),
        settings=as_json(PLAN.config.crops),
        frames=lambda w: PLAN.corpus(w.corpus).frames or "",
        max_failed_share=SHARE,
        code=code("crops"),
    shell: run("crops")


rule fit_features:
    """Fit the transform from crops to lip and face features on training clips only."""
    input: crops=fitted_on("features"), manifests=manifests_of_fit("features")
    output: transform="work/features/{features}/transform.safetensors", record="work/features/{features}/fitted.json"
    log: logs("fit_features/{features}")
    benchmark: benchmarks("fit_features/{features}")
    threads: 2
    resources: **growing(8000, 120)
    params:
        settings=lambda w: as_json(PLAN.config.features[w.features]),
        identity=ask(lambda w: PLAN.fit("features", w.features).identity),
    shell: run("fit_features")


rule features:
    """A shard's lip and face features: components of its crops, a published network's vectors, or the user's own."""
    input:
        crops=rules.crops.output.artifact,
        transform=ask(lambda w: PLAN.transform(w.features)),
        weights=ask(lambda w: PLAN.feature_files(w.features)),
    output: **shard_files("work/{corpus}/features/{features}")
    log: logs("features/{corpus}/{features}/{shard}")
    benchmark: benchmarks("features/{corpus}/{features}/{shard}")
    resources: **growing(3000, 60)
    params:
        settings=lambda w: as_json(PLAN.config.features[w.features]),
        imported=ask(lambda w: PLAN.imported_digest(w.features, w.corpus, w.shard)),
        max_failed_share=SHARE,
        code=code("features"),
    shell: run("features")
