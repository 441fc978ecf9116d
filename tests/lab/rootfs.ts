/**
 * A root file system for containers out of Debian's `busybox-static`, so that no image is needed.
 *
 * @module
 */

import type { Host } from "./host.ts";

const BASE = "/run/lab-rootfs/base";

/** Makes a root file system of its own for one container; the path on the host. */
export async function makeRootfs(host: Host, id: string): Promise<string> {
  const path = `/run/lab-rootfs/${id}`;
  await host.execOk(`exec 9>/run/lab-rootfs.lock; flock 9
    if [ ! -e ${BASE}/bin/sh ]; then
      mkdir -p ${BASE}/bin ${BASE}/sbin ${BASE}/usr/bin ${BASE}/usr/sbin
      mkdir -p ${BASE}/etc ${BASE}/proc ${BASE}/sys ${BASE}/dev ${BASE}/tmp ${BASE}/run
      cp "$(command -v busybox)" ${BASE}/bin/busybox
      chroot ${BASE} /bin/busybox --install -s
    fi
    rm -rf "${path}"
    cp -al ${BASE} "${path}"`);
  return path;
}

/**
 * A command for a container: says `lab-ready` when the container runs, which is after its network
 * was set up, and then becomes `argv` (default: sleep).
 */
export function announced(argv: readonly string[] = ["sleep", "100000"]): readonly string[] {
  return [
    "/bin/sh",
    "-c",
    'PATH=/bin:/sbin:/usr/bin:/usr/sbin; echo lab-ready; exec "$@"',
    "sh",
    ...argv,
  ];
}
