/**
 * A lab in which our executable is at home: on every host, with the networks declared.
 *
 * @module
 */

import { API_VERSION } from "../../mod/model/resource.ts";
import {
  conflist,
  type EquippedHost,
  type InstallOptions,
  type Lab,
  type LabOptions,
  type LabPlan,
  requireOk,
  startLab,
} from "../lab/mod.ts";
import { manifest, type ManifestObject } from "../lab/manifest.ts";

export interface BedOptions extends LabOptions {
  /** Further objects, or others in place of those of the same kind and name. */
  readonly objects?: readonly ManifestObject[];
  /** What each host gets. Default: one conflist for `vlan100`, see {@linkcode conflistsFor}. */
  readonly install?: (host: EquippedHost, plan: LabPlan) => InstallOptions;
}

/** Starts the lab, installs, and declares `vlan100`, `vlan200` and what else is asked for. */
export async function startBed(options: BedOptions = {}): Promise<Lab> {
  const { objects = [], install, ...labOptions } = options;
  const lab = await startLab(labOptions);
  try {
    await Promise.all(
      lab.hosts.map((host) =>
        host.installFabric(
          install?.(host, lab.plan) ?? { conflists: conflistsFor({ fabric: "vlan100" }) },
        )
      ),
    );
    const replaced = manifest(lab.plan).filter((it) =>
      !objects.some(({ kind, metadata }) => kind === it.kind && metadata.name === it.metadata.name)
    );
    await declare(lab.host(0), [...replaced, ...objects]);
    return lab;
  } catch (error) {
    await lab.close();
    throw error;
  }
}

/** Applies objects as an administrator does. */
export async function declare(
  host: EquippedHost,
  objects: readonly ManifestObject[],
): Promise<void> {
  const input = objects.map((object) => JSON.stringify(object)).join("\n---\n");
  requireOk(await host.admin(["apply", "-f", "-"], { input }));
}

/**
 * Files for /etc/cni/net.d: a conflist for each conf name, with the network of its pods (undefined:
 * the node's default). The first is what containerd takes.
 */
export function conflistsFor(
  networks: Readonly<Record<string, string | readonly string[] | undefined>>,
  options: { readonly version?: string } = {},
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(networks).map(([name, network], i) => [
      `${i + 1}0-${name}.conflist`,
      conflist({ name, ...options, plugin: network === undefined ? {} : { network } }),
    ]),
  );
}

/** A Network of physical network `prod`. */
export function networkObject(name: string, spec: ManifestObject["spec"]): ManifestObject {
  return {
    apiVersion: API_VERSION,
    kind: "Network",
    metadata: { name },
    spec: { physicalNetwork: "prod", ...spec },
  };
}

/** What a node needs to attach an interface by hand: the conf's name, and the network. */
export function confFor(
  network: string | readonly string[] | undefined,
  fields: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    config: "/etc/fabric/config.yaml",
    ...(network === undefined ? {} : { network }),
    ...fields,
  };
}
