# Why job arrays are off in profiles/slurm: `tests/slurm/run.sh arrays`. The first member lasts longer than the others.


rule all:
    input:
        expand("{member}.txt", member=[1, 2, 3]),


rule member:
    output:
        "{member}.txt",
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        seconds=lambda w: 45 if w.member == "1" else 1,
    shell:
        "sleep {params.seconds}; date > {output}"
