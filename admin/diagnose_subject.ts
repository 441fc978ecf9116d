/**
 * Whom `diagnose` and `trace` are about: names as people write them, to attachments.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import type { WantedTarget } from "../mod/diagnose/pod_walk.ts";
import { openScene, type Scene } from "../mod/diagnose/scene.ts";
import {
  absentAddress,
  findAttachments,
  type Found,
  matchesAddress,
  matchesPod,
} from "../mod/diagnose/subject.ts";
import { parseTarget } from "../mod/diagnose/way.ts";
import { bare, list, podText } from "../mod/diagnose/words.ts";
import { parseAddress } from "../mod/ip/address.ts";
import type { AdminContext } from "./context.ts";
import { parseArgument } from "./exit.ts";
import { nodeRun } from "./node_run.ts";

/** The scene of a command: this node, and the store of the context. */
export async function sceneOf(context: AdminContext): Promise<Scene> {
  return openScene({
    config: await context.config(),
    run: nodeRun(),
    openStore: () => context.store(),
  });
}

/**
 * Namespaces and the switch's sockets are root's.
 *
 * @throws {FabricError} `forbidden`, since others would see nothing and take that for damage.
 */
export function requireRoot(): void {
  if (Deno.uid() === 0) return;
  throw new FabricError("forbidden", "Only root can look into pods and the switch of this node", {
    remedy: "run it with sudo",
  });
}

/** The attachment that a word names, wherever it is. */
export async function resolveTarget(scene: Scene, text: string): Promise<WantedTarget> {
  const target = parseArgument(() => parseTarget(text));
  if (target.kind === "address") {
    const { here, elsewhere } = await findAttachments(
      scene,
      matchesAddress(parseAddress(target.address)),
    );
    return { address: target.address, port: target.port, found: here[0] ?? elsewhere[0] };
  }
  const { here, elsewhere } = await findAttachments(scene, matchesPod(target.name));
  const found = here[0] ?? elsewhere[0];
  const address = found?.record.addresses[0]?.address;
  if (found === undefined || address === undefined) {
    throw new FabricError("not-found", `Pod ${target.name} is not attached anywhere`, {
      field: "--to",
      value: target.name,
      remedy: "see fabric-admin get attachments, or name an address",
    });
  }
  return { address: bare(address), port: target.port, found };
}

/** The attachments of this node that the arguments mean. */
export async function attachmentsOf(
  scene: Scene,
  { kind, name }: { readonly kind: "pod" | "address"; readonly name: string },
): Promise<readonly Found[]> {
  const address = kind === "address"
    ? parseArgument(() => parseAddress(addressOf(name)))
    : undefined;
  const { here, elsewhere } = await findAttachments(
    scene,
    address === undefined ? matchesPod(name) : matchesAddress(address),
  );
  const pods = new Set(here.map(({ record }) => podText(record)));
  if (kind === "pod" && pods.size > 1) {
    throw new FabricError("invalid", `"${name}" means several: ${list([...pods])}`, {
      field: "NAME",
      value: name,
      remedy: "write NAMESPACE/NAME, or a container id",
    });
  }
  if (here.length > 0) return here;
  const [other] = elsewhere;
  if (other !== undefined) throw elsewhereError(scene, { kind, name }, other);
  if (address !== undefined) throw await absentAddress(scene, address);
  const asked = await scene.ask((store) => store.status());
  throw new FabricError("not-found", `Pod ${name} is not attached anywhere`, {
    field: "NAME",
    value: name,
    remedy: "silent" in asked
      ? `etcd does not answer (${asked.silent}): only this node's ports were asked`
      : "no ADD of it succeeded, or its DEL came: see the log of the runtime, and " +
        "/var/log/fabric/fabric.log of its node",
  });
}

/** `pods/10.0.0.5` as `get addresses` takes it. */
function addressOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function elsewhereError(
  scene: Scene,
  { kind, name }: { readonly kind: string; readonly name: string },
  { record }: Found,
): FabricError {
  const { node, cluster } = record;
  const same = cluster === scene.config.cluster;
  const where = same ? node : `${node} of cluster ${cluster}`;
  return new FabricError(
    "invalid",
    `${podText(record)} is on node ${where}, and this is ${scene.config.node}`.replace(/^p/, "P"),
    {
      field: "NAME",
      value: name,
      remedy: `run there: fabric-admin diagnose ${kind} ${name}`,
    },
  );
}
