# One Slurm node on this machine, for tests: no systemd, everything in one folder. Sourced by run.sh.
#
# It claims two GPUs (device files that stand for cards), so that a job which asks for one is queued as on a real node, and
# two partitions, so that there is something to choose from.

NODE_LINKS=(/etc/slurm/slurm.conf /etc/slurm/gres.conf) # where commands inside jobs look for their configuration

node_prepare() { # installs Slurm where it is missing; says what is in the way, if anything is
    if [ "$(id -u)" != 0 ]; then
        echo "only root can start Slurm's daemons"
    elif [ -e "${NODE_LINKS[0]}" ]; then
        echo "this machine belongs to a Slurm cluster already (${NODE_LINKS[0]} exists)"
    elif ! node_installed && ! node_install > /dev/null 2>&1; then
        echo "Slurm is not installed, and 'apt-get install slurm-wlm munge' fails"
    fi
}

node_installed() {
    command -v munged slurmctld slurmd srun sbatch > /dev/null
}

node_install() { # Debian's packages; again with fresh lists, where those at hand are missing or too old
    local get=(apt-get install -qq -y --no-install-recommends slurm-wlm munge)
    export DEBIAN_FRONTEND=noninteractive
    "${get[@]}" || { apt-get update -qq && "${get[@]}"; }
}

node_configure() { # node_configure FOLDER CORES
    NODE=$1
    mkdir -p "$NODE"/{munge,state,spool} /etc/slurm
    chmod 755 "$NODE" && chmod 700 "$NODE/munge"
    dd if=/dev/urandom of="$NODE/munge/key" bs=1024 count=1 status=none
    chmod 400 "$NODE/munge/key"
    printf 'NodeName=node Name=gpu File=/dev/%s\n' null zero > "$NODE/gres.conf"
    cat > "$NODE/slurm.conf" << CONF
ClusterName=dubber
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
SlurmUser=root
AuthType=auth/munge
# The job of a lost node starts again when its credentials have run out: 2 minutes, unless they are shorter.
AuthInfo=socket=$NODE/munge/socket,cred_expire=10
StateSaveLocation=$NODE/state
SlurmdSpoolDir=$NODE/spool
SlurmctldPidFile=$NODE/slurmctld.pid
SlurmdPidFile=$NODE/slurmd.pid
SlurmctldLogFile=$NODE/slurmctld.log
SlurmdLogFile=$NODE/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
# A node that is silent for this long is down; one that comes back is used again.
SlurmdTimeout=20
ReturnToService=2
# Cores and memory are what jobs may ask for, not what this machine has: here they use less than they ask for.
SlurmdParameters=config_overrides
NodeName=node NodeHostname=$(hostname) NodeAddr=127.0.0.1 CPUs=$2 RealMemory=64000 Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes=node Default=YES MaxTime=1-00:00:00 State=UP
PartitionName=gpu Nodes=node MaxTime=2-00:00:00 State=UP
CONF
    cat > "$NODE/partitions.yaml" << SITE
partitions:
  cpu: {max_runtime: 1440, max_gpu: 0}
  gpu: {max_runtime: 2880, max_gpu: 2}
SITE
    ln -s "$NODE/slurm.conf" "${NODE_LINKS[0]}"
    ln -s "$NODE/gres.conf" "${NODE_LINKS[1]}"
}

node_start() {
    munged --force --key-file="$NODE/munge/key" --socket="$NODE/munge/socket" --pid-file="$NODE/munge.pid" \
        --log-file="$NODE/munge/log" --seed-file="$NODE/munge/seed" > /dev/null 2>&1
    slurmctld
    slurmd -N node
    node_wait idle 60
}

node_state() {
    sinfo --noheader --nodes node --format %T 2> /dev/null | sort -u | tr '\n' ' '
}

node_wait() { # node_wait STATES SECONDS: until the node is in one of STATES (a pattern)
    local end=$((SECONDS + $2))
    until [[ $(node_state) =~ $1 ]]; do
        if ((SECONDS > end)); then
            echo "the node is '$(node_state)' and not $1 after $2 s" >&2
            tail -n 20 "$NODE"/slurmctld.log "$NODE"/slurmd.log >&2
            return 1
        fi
        sleep 1
    done
}

node_stop() { # also after a start that went wrong
    [ -n "${NODE:-}" ] || return 0
    local end=$((SECONDS + 60)) daemon link
    while [ -n "$(timeout 10 squeue --noheader 2> /dev/null)" ] && ((SECONDS < end)); do
        timeout 10 scancel --user root 2> /dev/null || true
        sleep 1
    done
    for daemon in slurmd slurmctld munge; do
        daemon_stop "$NODE/$daemon.pid"
    done
    for link in "${NODE_LINKS[@]}"; do
        [[ $(readlink "$link") != "$NODE"/* ]] || rm "$link"
    done
}

daemon_stop() { # daemon_stop PID_FILE
    local pid _
    pid=$(cat "$1" 2> /dev/null) || return 0
    kill "$pid" 2> /dev/null || return 0
    for _ in {1..50}; do
        kill -0 "$pid" 2> /dev/null || return 0
        sleep 0.2
    done
    kill -KILL "$pid"
}
