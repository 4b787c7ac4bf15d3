#!/bin/sh
# slurm-cluster.sh up|down DIR: a Slurm of one node on 127.0.0.1, without systemd, cgroups, munge or a
# database; its configuration, to be named in SLURM_CONF, is DIR/slurm.conf.
dir=$(realpath -m "$2")
host=$(hostname -s)
SLURM_CONF=$dir/slurm.conf
export SLURM_CONF

configure() {
	mkdir -p "$dir/state" "$dir/spool"
	cat >"$SLURM_CONF" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$((20000 + $$ % 20000))
SlurmdPort=$((20001 + $$ % 20000))
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
PartitionName=main Nodes=ALL Default=YES
END
}

case $1 in
up)
	configure
	/usr/sbin/slurmctld && /usr/sbin/slurmd || exit 1
	i=0
	while [ $i -lt 150 ]; do
		[ "$(sinfo -ho %T 2>/dev/null)" = idle ] && exit 0
		sleep 0.1
		i=$((i + 1))
	done
	tail -n 5 "$dir/slurmctld.log" "$dir/slurmd.log" >&2
	exit 1
	;;
down)
	for pid in "$dir"/*.pid; do
		[ -s "$pid" ] && kill "$(cat "$pid")"
	done
	exit 0
	;;
*)
	echo "usage: slurm-cluster.sh up|down DIR" >&2
	exit 2
	;;
esac
