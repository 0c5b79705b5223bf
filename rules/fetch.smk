"""The only rule that uses the network: corpora and weights named in config/assets.csv.

Nothing depends on it by itself; a person asks: `snakemake --cores 1 downloads/grid.fetched`.
"""


rule fetch:
    """Fetch a group of assets: a corpus is unpacked under the data root, weights stay under downloads/."""
    output: touch("downloads/{group}.fetched")
    log: logs("fetch/{group}")
    benchmark: benchmarks("fetch/{group}")
    retries: 2
    localrule: True
    resources: mem_mb=1000, runtime=1440
    params: data_root=PLAN.config.data_root
    shell: run("fetch")
