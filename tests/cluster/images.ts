/**
 * Images without a registry: OCI archives with one layer. The tools' is made of Debian's static
 * busybox and of agnhost, the program of Kubernetes' own tests, which is also the sandboxes' `pause`;
 * the product's is built from `deploy/Containerfile` by `scripts/image`.
 *
 * @module
 */

import { FABRIC_BINARY, TOOLS } from "../lab/mod.ts";

/** What sandboxes run. */
export const PAUSE_IMAGE = "fabric.test/pause:1";
/** busybox's tools and `/agnhost`; by default it sleeps. */
export const TOOLS_IMAGE = "fabric.test/tools:1";
/** The same files; by default it serves a page at port 80. */
export const WEB_IMAGE = "fabric.test/web:1";
/** Cluster DNS. */
export const COREDNS_IMAGE = "fabric.test/coredns:1";
/** The product. */
export const FABRIC_IMAGE = { repository: "fabric.test/fabric", tag: "dev" } as const;

const ROOT = new URL("../../", import.meta.url).pathname;
const AGNHOST = `${TOOLS}kubernetes/agnhost`;
const MEDIA = "application/vnd.oci.image";

/** One archive: what it is made of, and the images in it. */
export interface Archive {
  readonly path: string;
  /** The archive is made again when this file is newer, or another field of this has changed. */
  readonly source: string;
  /** Script that makes the folder `root`. */
  readonly rootfs: string;
  readonly images: readonly {
    readonly name: string;
    readonly config: Readonly<Record<string, unknown>>;
  }[];
}

/** The archive of {@linkcode PAUSE_IMAGE}, {@linkcode TOOLS_IMAGE} and {@linkcode WEB_IMAGE}. */
export function imageArchive(): Promise<string> {
  return ensureArchive({
    path: `${TOOLS}kubernetes/images.tar`,
    source: AGNHOST,
    rootfs: `mkdir -p root/bin root/tmp root/etc root/proc root/sys root/dev
    cp "$(command -v busybox)" root/bin/busybox
    for x in $(root/bin/busybox --list | grep -vx busybox); do ln -s busybox "root/bin/$x"; done
    cp ${AGNHOST} root/agnhost
    mkdir root/www && echo It works >root/www/index.html
    echo root:x:0:0:root:/root:/bin/sh >root/etc/passwd`,
    images: [
      { name: PAUSE_IMAGE, config: { Entrypoint: ["/agnhost", "pause"] } },
      { name: TOOLS_IMAGE, config: { Entrypoint: ["/agnhost"], Cmd: ["pause"] } },
      { name: WEB_IMAGE, config: { Cmd: ["httpd", "-f", "-p", "80", "-h", "/www"] } },
    ],
  });
}

/** The archive of {@linkcode COREDNS_IMAGE}. */
export function corednsArchive(): Promise<string> {
  const program = `${TOOLS}kubernetes/coredns`;
  return ensureArchive({
    path: `${TOOLS}kubernetes/coredns.tar`,
    source: program,
    rootfs: `mkdir -p root/tmp root/etc
    cp ${program} root/coredns`,
    images: [{ name: COREDNS_IMAGE, config: { Entrypoint: ["/coredns"] } }],
  });
}

/** podman's storage of its own; vfs needs nothing of the file system below. */
const STORAGE = `cat >storage.conf <<END
[storage]
driver = "vfs"
runroot = "$PWD/run"
graphroot = "$PWD/storage"
END
export CONTAINERS_STORAGE_CONF=$PWD/storage.conf`;

/** The archive of {@linkcode FABRIC_IMAGE}: built and saved as docs/install.md says. */
export async function fabricArchive(): Promise<string> {
  const path = `${TOOLS}kubernetes/fabric.tar`;
  const sources = [FABRIC_BINARY, `${ROOT}scripts/image`, `${ROOT}deploy/Containerfile`];
  const changed = async (file: string) => Number((await Deno.stat(file)).mtime);
  const made = await changed(path).catch(() => 0);
  if (Math.max(...await Promise.all(sources.map(changed))) <= made) return path;
  const name = `${FABRIC_IMAGE.repository}:${FABRIC_IMAGE.tag}`;
  const work = await Deno.makeTempDir({ dir: `${TOOLS}kubernetes`, prefix: "images-" });
  try {
    await sh(
      `${STORAGE}
      ${ROOT}scripts/image ${name} >&2
      podman save --output images.tar ${name} >&2`,
      { cwd: work },
    );
    await Deno.rename(`${work}/images.tar`, path);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return path;
}

/** Makes an archive that is missing or older than its source; its path. */
export async function ensureArchive(archive: Archive): Promise<string> {
  const { path, source } = archive;
  const recipe = `${path}.json`;
  const [made, built] = await Promise.all(
    [recipe, source].map((file) => Deno.stat(file).catch(() => undefined)),
  );
  if (built === undefined) throw new Error(`${source} is missing: run scripts/tools`);
  const text = JSON.stringify(archive);
  if (
    made !== undefined && Number(made.mtime) >= Number(built.mtime) &&
    await Deno.readTextFile(recipe) === text
  ) return path;
  const work = await Deno.makeTempDir({ dir: `${TOOLS}kubernetes`, prefix: "images-" });
  try {
    await makeArchive(work, archive);
    await Deno.rename(`${work}/images.tar`, path);
    await Deno.writeTextFile(`${work}/recipe`, text);
    await Deno.rename(`${work}/recipe`, recipe);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return path;
}

async function makeArchive(work: string, { rootfs, images }: Archive): Promise<void> {
  await sh(
    `mkdir -p oci/blobs/sha256
    ${rootfs}
    tar --numeric-owner --owner=0 --group=0 --sort=name --mtime=@0 -C root -cf layer .`,
    { cwd: work },
  );
  const layer = await blob(work, "layer");
  const manifests = [];
  for (const { name, config } of images) {
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
  const hash = (await sh(`sha256sum ${name}`, { cwd: work })).slice(0, 64);
  const { size } = await Deno.stat(`${work}/${name}`);
  await Deno.rename(`${work}/${name}`, `${work}/oci/blobs/sha256/${hash}`);
  return { digest: `sha256:${hash}`, size };
}

async function sh(script: string, { cwd }: { readonly cwd: string }): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-euc", script],
    cwd,
  }).output();
  if (code !== 0) throw new Error(`images: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
