"""dubber: from raw clips to a results table, one job per shard.

snakemake --cores 2                                 the embedded demo: table and report
snakemake --cores 32 results/chem_table.csv         one experiment's table
snakemake --cores 32 results/grid/report.html       its report
snakemake -n results/grid_table.csv                 what would be done
snakemake --profile profiles/slurm results/...      on a cluster
"""

from snakemake.utils import min_version

min_version("9.19")


configfile: "config/config.yaml"
configfile: "config/sizes.yaml"


wildcard_constraints:
    corpus=r"[a-z0-9_]+",
    experiment=r"[a-z0-9_]+",
    run=r"[a-z0-9_]+",
    codec=r"[a-z0-9_]+",
    features=r"[a-z0-9_]+",
    aligner=r"[a-z0-9_]+",
    system=r"[A-Za-z0-9_-]+",
    protocol=r"[12]\.0",
    shard=r"[0-9]+",


include: "rules/common.smk"
include: "rules/corpus.smk"
include: "rules/media.smk"
include: "rules/align.smk"
include: "rules/tokens.smk"
include: "rules/train.smk"
include: "rules/dub.smk"
include: "rules/controls.smk"
include: "rules/score.smk"
include: "rules/tables.smk"


localrules: fetch, bundle, attention, table, mos, compare, alignment, plot, report, paper


onstart:
    CORPORA.save()


rule all:
    default_target: True
    input:
        "results/demo_table.csv",
        "results/demo/report.html",
        "runs/demo/full/dubber.json",
        "runs/demo/stage1/dubber.json",
