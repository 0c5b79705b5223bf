"""Sound, face and lip crops, and their features, one job a shard: work/<corpus>/{audio,crops,features/<features>}/."""

from dubber.user_files import features_digest


rule audio:
    """Decode the sound of a shard's clips to 16 kHz mono."""
    input: rendered=rendered
    output: **shard_files("work/{corpus}/audio")
    log: logs("audio/{corpus}/{shard}")
    benchmark: benchmarks("audio/{corpus}/{shard}")
    resources: **growing(2000, 60)
    params: **clips("audio"), root=root
    shell: run("audio")


frames_of = lambda w: CONFIG.corpora[w.corpus].frames or ""


rule crops:
    """Decode a shard's video at 25 frames a second, find and track the face, cut out face and lips."""
    input: rendered=rendered, weights=checked(lambda w: weights(CONFIG.crops.needed))
    output: **shard_files("work/{corpus}/crops")
    log: logs("crops/{corpus}/{shard}")
    benchmark: benchmarks("crops/{corpus}/{shard}")
    resources: **growing(3000, 240)
    params: **clips("crops"), root=root, settings=as_json(CONFIG.crops), frames=frames_of
    shell: run("crops")


def crops_of(wildcards):
    """The shard's crops, which fix the number of frames, where the corpus has video."""
    return expanded(rules.crops.output.artifact, **wildcards) if CONFIG.corpora[wildcards.corpus].video else []


features_identity = lambda w: identity_of([CONFIG.features[w.features], CONFIG.crops], "fit_features", "crops")


rule fit_features:
    """Fit the transform from crops to lip and face features on training clips only."""
    input: crops=fitted(lambda: rules.fit_features, rules.crops, CONFIG.features, features_identity)
    output: transform="work/features/{features}/transform.safetensors", record="work/features/{features}/fitted.json"
    log: logs("fit_features/{features}")
    benchmark: benchmarks("fit_features/{features}")
    threads: 2
    resources: **growing(8000, 120)
    params:
        manifests=lambda w: manifests(CONFIG.features[w.features].fit_on),
        settings=lambda w: as_json(CONFIG.features[w.features]),
        identity=features_identity,
    shell: run("fit_features")


def transform_of(features):
    """The fitted transform of the features, where a stream needs one."""
    is_fitted = CONFIG.features[features].is_fitted
    return expanded(rules.fit_features.output.transform, features=features) if is_fitted else []


def imported(wildcards):
    """Digests of the user's own features of a shard's clips."""
    folders = CONFIG.features[wildcards.features].folders
    names = [row["clip"] for row in manifest_of(wildcards).rows(wildcards.shard)] if folders else []
    return [features_digest(folder, names) for folder in folders]


rule features:
    """A shard's lip and face features: components of its crops, a published network's vectors, or the user's own."""
    input:
        crops=rules.crops.output.artifact,
        transform=lambda w: transform_of(w.features),
        weights=checked(lambda w: weights(CONFIG.features[w.features].needed)),
    output: **shard_files("work/{corpus}/features/{features}")
    log: logs("features/{corpus}/{features}/{shard}")
    benchmark: benchmarks("features/{corpus}/{features}/{shard}")
    resources: **growing(3000, 60)
    params: **clips("features"), settings=lambda w: as_json(CONFIG.features[w.features]), imported=checked(imported)
    shell: run("features")
