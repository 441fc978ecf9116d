/**
 * Images without a registry: an OCI archive with one layer, made of Debian's static busybox and of
 * agnhost, the program of Kubernetes' own tests, which is also the sandboxes' `pause`.
 *
 * @module
 */

import { TOOLS } from "../lab/mod.ts";

/** What sandboxes run. */
export const PAUSE_IMAGE = "fabric.test/pause:1";
/** busybox's tools and `/agnhost`; by default it sleeps. */
export const TOOLS_IMAGE = "fabric.test/tools:1";

const ARCHIVE = `${TOOLS}kubernetes/images.tar`;

const ENTRIES = [
  { name: PAUSE_IMAGE, config: { Entrypoint: ["/agnhost", "pause"] } },
  { name: TOOLS_IMAGE, config: { Entrypoint: ["/agnhost"], Cmd: ["pause"] } },
];

const MEDIA = "application/vnd.oci.image";

/** The archive's path; made at the first call, and again when agnhost is newer. */
export async function imageArchive(): Promise<string> {
  const [made, built] = await Promise.all(
    [ARCHIVE, `${TOOLS}kubernetes/agnhost`].map((path) => Deno.stat(path).catch(() => undefined)),
  );
  if (built === undefined) throw new Error("agnhost is missing: run scripts/tools cluster");
  if (made !== undefined && Number(made.mtime) >= Number(built.mtime)) return ARCHIVE;
  const work = await Deno.makeTempDir({ dir: `${TOOLS}kubernetes`, prefix: "images-" });
  try {
    await makeArchive(work);
    await Deno.rename(`${work}/images.tar`, ARCHIVE);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return ARCHIVE;
}

async function makeArchive(work: string): Promise<void> {
  await sh(
    `mkdir -p oci/blobs/sha256 root/bin root/tmp root/etc root/proc root/sys root/dev
    cp "$(command -v busybox)" root/bin/busybox
    for x in $(root/bin/busybox --list | grep -vx busybox); do ln -s busybox "root/bin/$x"; done
    cp "$1" root/agnhost
    echo root:x:0:0:root:/root:/bin/sh >root/etc/passwd
    tar --numeric-owner --owner=0 --group=0 --sort=name --mtime=@0 -C root -cf layer .`,
    { cwd: work, args: [`${TOOLS}kubernetes/agnhost`] },
  );
  const layer = await blob(work, "layer");
  const manifests = [];
  for (const { name, config } of ENTRIES) {
    const env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"];
    const configBlob = await jsonBlob(work, {
      architecture: "amd64",
      os: "linux",
      config: { ...config, Env: env },
      rootfs: { type: "layers", diff_ids: [layer.digest] },
    });
    const manifest = await jsonBlob(work, {
      schemaVersion: 2,
      mediaType: `${MEDIA}.manifest.v1+json`,
      config: { mediaType: `${MEDIA}.config.v1+json`, ...configBlob },
      layers: [{ mediaType: `${MEDIA}.layer.v1.tar`, ...layer }],
    });
    manifests.push({
      mediaType: `${MEDIA}.manifest.v1+json`,
      ...manifest,
      platform: { architecture: "amd64", os: "linux" },
      annotations: { "io.containerd.image.name": name },
    });
  }
  await Deno.writeTextFile(`${work}/oci/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  const index = JSON.stringify({ schemaVersion: 2, manifests });
  await Deno.writeTextFile(`${work}/oci/index.json`, index);
  await sh("tar -C oci -cf images.tar .", { cwd: work });
}

interface Blob {
  readonly digest: string;
  readonly size: number;
}

function jsonBlob(work: string, content: unknown): Promise<Blob> {
  Deno.writeTextFileSync(`${work}/json`, JSON.stringify(content));
  return blob(work, "json");
}

/** Moves a file among the blobs. */
async function blob(work: string, name: string): Promise<Blob> {
  const hash = (await sh('sha256sum "$1"', { cwd: work, args: [name] })).slice(0, 64);
  const { size } = await Deno.stat(`${work}/${name}`);
  await Deno.rename(`${work}/${name}`, `${work}/oci/blobs/sha256/${hash}`);
  return { digest: `sha256:${hash}`, size };
}

async function sh(
  script: string,
  { cwd, args = [] }: { readonly cwd: string; readonly args?: readonly string[] },
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-euc", script, "sh", ...args],
    cwd,
  }).output();
  if (code !== 0) throw new Error(`images: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
