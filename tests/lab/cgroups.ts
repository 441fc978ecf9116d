/**
 * Control groups of a lab: container runtimes need some, and each host shall see only its own. A
 * lab has a group `fabric-lab.<pid>.<start time>.<random>` in every hierarchy, each host one in it,
 * which is the root of the host's cgroup namespace. Both versions are supported, since cgroup v1
 * (or a mix of both) is what some sandboxes still have.
 *
 * An empty group is the one thing that outlives a lab whose owner was killed. Its name tells the
 * owner, and the next lab removes those whose owner is dead.
 *
 * @module
 */

import { execute } from "./process.ts";

/** What names of a lab's groups begin with. */
export const GROUP_PREFIX = "fabric-lab.";

/**
 * Shell function `lab_groups ID`: prints a line `<name> <folder>` for each hierarchy, where the
 * name is what the mount below /sys/fs/cgroup is called, or `.` for cgroup v2 alone.
 * On v2 the group is at the top, since groups below one with processes get no controllers; on v1
 * it is below the caller's own, whose limits hold for the lab.
 */
const LAB_GROUPS = `lab_groups() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    echo ". /sys/fs/cgroup/$1"
    return
  fi
  while IFS=: read -r number names path; do
    names=\${names#name=}
    names=\${names:-unified}
    [ ! -e "/sys/fs/cgroup/$names/cgroup.procs" ] ||
      echo "$names /sys/fs/cgroup/$names\${path%/}/$1"
  done </proc/self/cgroup
}
# Without these two a group of the v1 controller cpuset takes no process.
inherit_cpuset() {
  for file in cpuset.cpus cpuset.mems; do
    [ ! -e "$1/$file" ] || cat "$1/../$file" >"$1/$file"
  done
}
enable_controllers() {
  [ -e "$1/cgroup.subtree_control" ] || return 0
  for controller in cpu cpuset io memory pids; do
    echo "+$controller" >"$1/cgroup.subtree_control" 2>/dev/null || :
  done
}`;

/** Makes the lab's groups and writes their list to /run/lab/cgroups. `$1`: the lab's id. */
export const MAKE_LAB_GROUPS = `${LAB_GROUPS}
lab_groups "$1" >/run/lab/cgroups
while read -r hierarchy group; do
  mkdir "$group"
  inherit_cpuset "$group"
  [ "$hierarchy" != . ] || { enable_controllers /sys/fs/cgroup; enable_controllers "$group"; }
done </run/lab/cgroups`;

/**
 * Puts the shell into the groups of the host `$name`. A cgroup namespace then starts there. What a
 * power cut left is removed: a machine boots without groups, and a kubelet would look for the
 * containers of each for seconds.
 */
export const JOIN_HOST_GROUPS = `${LAB_GROUPS}
while read -r hierarchy group; do
  mkdir -p "$group/$name"
  find "$group/$name" -mindepth 1 -depth -type d -exec rmdir {} + || :
  inherit_cpuset "$group/$name"
  echo $$ >"$group/$name/cgroup.procs"
done </run/lab/cgroups`;

/**
 * In the host's own mount and cgroup namespace, with a fresh sysfs at /sys: mounts the hierarchies.
 * Process 1 makes room at the top for groups with controllers.
 */
export const MOUNT_HOST_GROUPS = `if [ "$(cut -d" " -f1 /run/lab/cgroups)" = . ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir -p /sys/fs/cgroup/init
  echo 1 >/sys/fs/cgroup/init/cgroup.procs
else
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
  while read -r hierarchy group; do
    mkdir "/sys/fs/cgroup/$hierarchy"
    case $hierarchy in
      unified) mount -t cgroup2 cgroup2 "/sys/fs/cgroup/$hierarchy" ;;
      systemd) mount -t cgroup -o none,name=systemd cgroup "/sys/fs/cgroup/$hierarchy" ;;
      *)
        mount -t cgroup -o "$hierarchy" cgroup "/sys/fs/cgroup/$hierarchy"
        for one in $(echo "$hierarchy" | tr , " "); do
          [ -e "/sys/fs/cgroup/$one" ] || ln -s "$hierarchy" "/sys/fs/cgroup/$one"
        done
        ;;
    esac
  done </run/lab/cgroups
fi`;

/** On a host: puts the shell where the host's own services are, so that it sees its groups. */
export const JOIN_SERVICES = `if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  echo $$ >/sys/fs/cgroup/init/cgroup.procs
else
  for group in /sys/fs/cgroup/*/cgroup.procs; do echo $$ >"$group"; done
fi`;

/** Removes the groups of a lab that has ended, and those of labs whose owner is dead. */
export async function sweepGroups(ended?: string): Promise<void> {
  const script = `find /sys/fs/cgroup -type d -name '${GROUP_PREFIX}*' -prune 2>/dev/null |
while read -r group; do
  id=\${group##*/}
  owner=\${id#${GROUP_PREFIX}}; started=\${owner#*.}; started=\${started%%.*}; owner=\${owner%%.*}
  now=$(sed 's/.*) //' "/proc/$owner/stat" 2>/dev/null | cut -d' ' -f20)
  if [ "$id" = "$1" ] || [ "$now" != "$started" ]; then
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
  fi
done`;
  await execute(["sh", "-c", script, "sh", ended ?? ""]);
}
