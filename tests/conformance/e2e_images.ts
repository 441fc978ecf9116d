/**
 * The images that the tests of Kubernetes ask for, without a registry: one root file system of
 * Debian's busybox and network tools, agnhost and two more programs of Kubernetes, under many names.
 *
 * @module
 */

import { type Archive, ensureArchive } from "../cluster/images.ts";
import { TOOLS } from "../lab/mod.ts";

const KUBERNETES = `${TOOLS}kubernetes`;
export const E2E_TEST = `${KUBERNETES}/e2e.test`;

/** The registry in the names of all images. */
export const E2E_REGISTRY = "fabric.test/e2e";

/** What a file says that `KUBE_TEST_REPO_LIST` names: the registries that the tests know. */
export const REPO_LIST: string = ["promoterE2eRegistry", "gcRegistry", "buildImageRegistry"].map((
  key,
) => `${key}: ${E2E_REGISTRY}\n`).join("");

const WEB_SERVER = ["httpd", "-f", "-p", "80", "-h", "/www"];

/** What stands in for an image, by the name that the tests give it. */
const CONFIGS: Readonly<Record<string, Archive["images"][number]["config"]>> = {
  "agnhost": {
    Entrypoint: ["/agnhost"],
    Cmd: ["pause"],
    ExposedPorts: { "80/tcp": {}, "8080/tcp": {} },
  },
  "busybox": { Cmd: ["sh"] },
  "distroless-iptables": { Cmd: ["sh"] },
  "glibc-dns-testing": { Cmd: ["sh"] },
  "nginx": { Cmd: WEB_SERVER },
  "pause": { Entrypoint: ["/agnhost", "pause"] },
  "regression-issue-74839": { Entrypoint: ["/regression-issue-74839"] },
};

/** Programs of Debian that tests run inside; busybox's own differ in their flags. */
const PROGRAMS = "bash curl wget dig getent nc ip ss socat iperf conntrack";

const ROOTFS = `mkdir -p root/bin root/usr/bin root/etc root/tmp root/uploads root/www root/root \\
  root/var/run root/proc root/sys root/dev root/lib root/lib64
chmod 1777 root/tmp
cp "$(command -v busybox)" root/bin/busybox
for x in $(root/bin/busybox --list | grep -vx busybox); do ln -s busybox "root/bin/$x"; done
for x in ${PROGRAMS}; do
  program=$(readlink -f "$(command -v "$x")")
  rm -f "root/bin/$x"
  cp "$program" "root/bin/$x"
  for library in $(ldd "$program" | grep -o '/[^ ]*\\.so[^ ]*'); do
    mkdir -p "root\${library%/*}"
    cp -nL "$library" "root$library"
  done
done
ln -sf bash root/bin/sh
ln -s /bin/iperf root/usr/bin/iperf
cp ${KUBERNETES}/agnhost ${KUBERNETES}/coredns ${KUBERNETES}/regression-issue-74839 root/
ln -s agnhost root/agnhost-2
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \\
  -days 3650 -keyout root/localhost.key -out root/localhost.crt 2>log || { cat log >&2; exit 1; }
echo '<h1>Welcome to nginx!</h1>' >root/www/index.html
echo 'hosts: files dns' >root/etc/nsswitch.conf
printf '%s\\n' root:x:0:0:root:/root:/bin/sh user-defined-in-image:x:1000:1000::/:/bin/sh \\
  nobody:x:65534:65534::/:/bin/sh >root/etc/passwd
printf '%s\\n' root:x:0: user-defined-in-image:x:1000: \\
  group-defined-in-image:x:50000:user-defined-in-image >root/etc/group
chmod -R u+rwX,go+rX root`;

/** The archive, with the versions that the tests name; `repoList`: a file with {@linkcode REPO_LIST}. */
export async function e2eArchive(repoList: string): Promise<string> {
  return await ensureArchive({
    path: `${KUBERNETES}/e2e.tar`,
    source: E2E_TEST,
    rootfs: ROOTFS,
    images: (await imageNames(repoList)).flatMap((name) => {
      const [, base = ""] = /^fabric\.test\/e2e\/([^:]+):/.exec(name) ?? [];
      const config = CONFIGS[base];
      return config === undefined ? [] : [{ name, config }];
    }),
  });
}

/** All images that the tests know, by name. */
async function imageNames(repoList: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command(E2E_TEST, {
    args: ["--list-images"],
    env: { KUBE_TEST_REPO_LIST: repoList },
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").toSorted();
}
