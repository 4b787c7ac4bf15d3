#!/bin/sh
# slurm-cluster.sh up|down DIR: a Slurm of one node on 127.0.0.1, without systemd, cgroups, munge or a
# database; its configuration, to be named in SLURM_CONF, is DIR/slurm.conf.
dir=$(realpath -m "$2")
host=$(hostname -s)
SLURM_CONF=$dir/slurm.conf
export SLURM_CONF

# ports below those that the system hands out to anybody
configure() {
	port=$((20000 + ($$ + 997 * $1) % 6000 * 2))
	mkdir -p "$dir/state" "$dir/spool"
	cat >"$SLURM_CONF" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=2
MaxArraySize=${SLURM_TEST_ARRAY:-1001}
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=4
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=ALL Default=YES PriorityTier=1
PartitionName=urgent Nodes=ALL PriorityTier=10
END
}

stop() {
	for pid in "$dir"/*.pid; do
		[ -s "$pid" ] && kill "$(cat "$pid")"
	done
}

start() {
	configure "$1"
	/usr/sbin/slurmctld && /usr/sbin/slurmd || return 1
	i=0
	while [ $i -lt 150 ]; do
		[ "$(sinfo -ho %T -p main 2>/dev/null)" = idle ] && return 0
		grep -q 'Unable to bind' "$dir"/*.log && return 1
		sleep 0.1
		i=$((i + 1))
	done
	return 1
}

case $1 in
up)
	# a port may be taken: others are tried
	for attempt in 0 1 2; do
		start $attempt && exit 0
		tail -n 5 "$dir/slurmctld.log" "$dir/slurmd.log" >&2
		stop
		sleep 1
		rm -rf "$dir"
	done
	exit 1
	;;
down)
	stop
	exit 0
	;;
*)
	echo "usage: slurm-cluster.sh up|down DIR" >&2
	exit 2
	;;
esac
