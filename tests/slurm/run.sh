#!/usr/bin/env bash
# The workflow on a real Slurm, of one node that this script sets up and takes down again.
#
#   tests/slurm/run.sh [demo|micro]    the experiment (default demo; micro takes a few minutes)
#   tests/slurm/run.sh arrays          whether the plugin's job arrays still lose results (docs/guide/cluster.md)
#   tests/slurm/run.sh --check         installs Slurm where it is missing; fails where it cannot, and says why
#
# One run of the experiment through profiles/slurm, from the local run's recordings. In it, training of stage 1 is
# cancelled (scancel) and that of stage 2 loses its node (slurmd and all that it started are killed; it comes back after
# Slurm has given the node up). At the end the table must be that of a local run, number by number, and the weights its
# weights, bit for bit.
#
# Needs root and Debian's slurm-wlm and munge (installed where they are missing), and the extra `slurm` in the Python that
# PYTHON names (default .venv/bin/python). CORES (2) is for both runs: the sums of training depend on it. The local run is
# made in a copy; that of the demo in this folder, where it is often there already; LOCAL names another folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/slurm/node.sh

ROOT=$PWD
EXPERIMENT=${1:-demo}
CORES=${CORES:-2}
PYTHON=$(realpath --no-symlinks "${PYTHON:-.venv/bin/python}")
CODE=(Snakefile rules workflow_scripts dubber config profiles envs)

exec 3>&1 # where to speak, also when stdout is a log just now

say() {
    printf '== %5d s  %s\n' "$SECONDS" "$*" >&3
}

fail() { # fail WHAT [LOG]
    tail -n 80 "${2:-$WORK/snakemake.log}" >&3
    say "FAILED: $1"
    exit 1
}

new_project() { # new_project FOLDER: a copy of the code, with its own work and results
    mkdir "$1"
    cp -r "${CODE[@]/#/$ROOT/}" "$1"
    cat "$ROOT/tests/workflow/micro.yaml" > "$1/micro.yaml"
    cp "$ROOT/tests/slurm/longer.yaml" "$1"
}

snakemake_in() { # snakemake_in FOLDER ARGUMENTS: the experiment's configuration comes last, as Snakemake wants it
    local folder=$1 configuration=()
    shift
    [ "$EXPERIMENT" = micro ] && configuration=(--configfile micro.yaml longer.yaml)
    (cd "$folder" && PYTHONPATH=$folder exec "$PYTHON" -m snakemake "$@" "${configuration[@]}")
}

run_locally() { # the results to compare with
    if [ -z "${LOCAL:-}" ]; then
        LOCAL=$ROOT
        [ "$EXPERIMENT" = demo ] || LOCAL=$WORK/local
    fi
    [ -e "$LOCAL" ] || new_project "$LOCAL"
    say "the experiment '$EXPERIMENT' locally, in $LOCAL"
    snakemake_in "$LOCAL" --cores "$CORES" "results/${EXPERIMENT}_table.csv" > "$WORK/local.log" 2>&1 ||
        fail "the local run" "$WORK/local.log"
}

same_recordings() { # saves the time of rendering them again
    local corpus=work/$EXPERIMENT
    mkdir -p "$WORK/project/$corpus"
    cp -a "$LOCAL/$corpus"/{manifest.parquet,truth,media} "$WORK/project/$corpus"
}

start_on_slurm() {
    new_project "$WORK/project"
    same_recordings
    export SNAKEMAKE_SLURM_PARTITIONS=$NODE/partitions.yaml
    # The documented command; then what is this site's own: few cores, and nobody else whom frequent questions could disturb.
    snakemake_in "$WORK/project" --profile profiles/slurm "results/${EXPERIMENT}_table.csv" \
        --set-threads "stage1=$CORES" "stage2=$CORES" \
        --seconds-between-status-checks 2 --slurm-init-seconds-before-status-checks 2 > "$WORK/snakemake.log" 2>&1 &
    SNAKEMAKE=$!
}

wait_until() { # wait_until WHAT SECONDS COMMAND...: while Snakemake runs
    local what=$1 end=$((SECONDS + $2))
    shift 2
    until "$@"; do
        kill -0 "$SNAKEMAKE" 2> /dev/null || fail "Snakemake ended before $what"
        ((SECONDS < end)) || fail "no $what"
        sleep 0.2
    done
}

has_checkpoint() { # has_checkpoint RUN: a whole one
    compgen -G "$WORK/project/runs/$EXPERIMENT/$1/*/checkpoints/step-*/state.json" > /dev/null
}

job_of() { # job_of RULE: the running Slurm job of a rule
    squeue --noheader --states=RUNNING --format '%A %k' | awk -v rule="rule_$1" '$2 ~ "^" rule {print $1; exit}'
}

in_log() { # in_log FILE PATTERN
    grep -q -- "$2" "$WORK/project/logs/$1" 2> /dev/null
}

cancel_stage1() {
    wait_until "a checkpoint of stage 1" 1800 has_checkpoint stage1
    local job
    job=$(job_of stage1)
    [ -n "$job" ] || fail "no Slurm job of stage 1 is running"
    scancel "$job"
    say "scancel $job: stage 1 was in the middle"
    wait_until "resumed stage 1" 300 in_log "stage1/$EXPERIMENT.log" "resumes from step"
    [ ! -e "$WORK/project/runs/$EXPERIMENT/stage1/model.safetensors" ] || fail "stage 1 was over before it was cancelled"
    local stopped resumed # the first in Slurm's log, since Snakemake begins the rule's own anew with each attempt
    stopped=$(grep -rhoP 'stage1: stopped at step \K[0-9]+' "$WORK/project/.snakemake/slurm_logs/rule_stage1" | head -n 1)
    resumed=$(grep -oP 'resumes from step \K[0-9]+' "$WORK/project/logs/stage1/$EXPERIMENT.log")
    say "stage 1 stopped at step ${stopped:-?} and resumes from step $resumed"
    [ "$stopped" = "$resumed" ] || fail "the checkpoint of the cancelled job was not the last"
}

kill_jobs() { # what dies with a node: without slurmd alone, a job here would go on to its end
    local process
    pkill -KILL slurmstepd || true
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/cwd")" = "$WORK/project" ] || continue
        tr '\0' ' ' < "$process/cmdline" | grep -q -- '--profile profiles/slurm' || kill -KILL "${process##*/}" 2> /dev/null || true
    done
}

lose_the_node() {
    wait_until "a checkpoint of stage 2" 3600 has_checkpoint full
    local job
    job=$(job_of stage2)
    [ -n "$job" ] || fail "no Slurm job of stage 2 is running"
    kill -KILL "$(cat "$NODE/slurmd.pid")"
    kill_jobs
    say "slurmd and all that it had started were killed while job $job trained stage 2"
    node_wait down 90 || fail "Slurm has not noticed"
    say "Slurm has given the node up: job $job is $(squeue --noheader --jobs "$job" --format %T)"
    slurmd -N node
    node_wait 'idle|mixed|allocated' 60 || fail "the node did not come back"
    say "slurmd is back"
    wait_until "resumed stage 2" 300 in_log "stage2/$EXPERIMENT/full.log" "resumes from step"
    say "stage 2 $(grep -o 'resumes from step [0-9]*' "$WORK/project/logs/stage2/$EXPERIMENT/full.log" | tail -n 1)"
}

finish() {
    wait "$SNAKEMAKE" || fail "Snakemake"
    say "Snakemake has ended; $(grep -c 'has been submitted with SLURM jobid' "$WORK/snakemake.log") Slurm jobs"
    grep -q "Auto-selected partition 'gpu' for job stage1" "$WORK/snakemake.log" || fail "training went to another partition"
    "$PYTHON" tests/slurm/compare.py "$EXPERIMENT" "$LOCAL" "$WORK/project" || fail "the results"
}

try_arrays() { # three members, of which the first lasts longest, as one array
    mkdir "$WORK/arrays"
    "$PYTHON" -m snakemake --snakefile tests/slurm/arrays.smk --directory "$WORK/arrays" --workflow-profile none \
        --executor slurm --jobs 3 --slurm-array-jobs member --slurm-status-command squeue --latency-wait 5 --keep-going \
        --seconds-between-status-checks 2 --slurm-init-seconds-before-status-checks 2 > "$WORK/arrays.log" 2>&1 || true
    grep -q "Submitted array job" "$WORK/arrays.log" || fail "no array was submitted" "$WORK/arrays.log"
    local kept
    kept=$(cd "$WORK/arrays" && echo ./*.txt)
    say "of three members these kept their results: $kept"
    [ "$kept" = ./1.txt ] || fail "that is news: docs/guide/cluster.md and profiles/slurm say why arrays are off" "$WORK/arrays.log"
}

clean_up() {
    local code=$?
    trap - EXIT
    [ -z "${SNAKEMAKE:-}" ] || kill "$SNAKEMAKE" 2> /dev/null || true
    node_stop || true
    pkill -KILL -f "$WORK/" || true # a job's own Snakemake may outlive its cancelled step: Slurm is told to use no cgroups
    if [ "$code" = 0 ]; then rm -rf "$WORK"; else say "what was made is in $WORK"; fi
    exit "$code"
}

if [ "$EXPERIMENT" = --check ]; then
    reason=$(node_prepare)
    echo "$reason"
    [ -z "$reason" ]
    exit
fi
[[ $EXPERIMENT =~ ^(demo|micro|arrays)$ ]] || { echo "usage: $0 [demo|micro|arrays|--check]"; exit 2; }
reason=$(node_prepare)
[ -z "$reason" ] || { echo "Cannot run on Slurm here: $reason."; exit 1; }
"$PYTHON" -c "import snakemake_executor_plugin_slurm" 2> /dev/null ||
    { echo "$PYTHON lacks the extra 'slurm': make test-slurm installs it."; exit 1; }

WORK=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT TERM
[ "$EXPERIMENT" = arrays ] || run_locally
node_configure "$WORK/node" "$CORES"
node_start
say "$(slurmd -V) is up: $(sinfo --noheader --nodes node --format '%c cores, %G' | head -n 1)"
if [ "$EXPERIMENT" = arrays ]; then
    try_arrays
else
    start_on_slurm
    cancel_stage1
    lose_the_node
    finish
fi
say "passed"
