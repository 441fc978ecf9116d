/**
 * CNI_ARGS: pairs such as `K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0` (CNI specification,
 * Parameters; keys by convention of Kubernetes' runtimes and CONVENTIONS.md).
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import type { Pod } from "../mod/model/identity.ts";

/** What we read of CNI_ARGS. */
export interface CniArgs {
  readonly pod: Pod | undefined;
  /** FABRIC_NETWORK: names, separated by commas. */
  readonly networks: readonly string[];
  /** IP: addresses, separated by commas. */
  readonly ips: readonly string[];
  readonly mac: string | undefined;
}

const KNOWN = [
  "K8S_POD_NAMESPACE",
  "K8S_POD_NAME",
  "K8S_POD_UID",
  "K8S_POD_INFRA_CONTAINER_ID",
  "FABRIC_NETWORK",
  "IP",
  "MAC",
];

/**
 * Parses CNI_ARGS. As in libcni, a key that nobody knows is an error unless IgnoreUnknown is set.
 *
 * @throws {FabricError} `invalid`, field CNI_ARGS.
 */
export function parseCniArgs(text: string): CniArgs {
  const pairs = new Map<string, string>();
  for (const pair of text.split(";").filter((part) => part !== "")) {
    const at = pair.indexOf("=");
    if (at < 1) throw fault(pair, "it is no pair of key and value", "write it like KEY=value");
    pairs.set(pair.slice(0, at), pair.slice(at + 1));
  }
  const ignore = /^(1|true)$/i.test(pairs.get("IgnoreUnknown") ?? "");
  pairs.delete("IgnoreUnknown");
  const unknown = [...pairs.keys()].filter((key) => !KNOWN.includes(key));
  if (!ignore && unknown.length > 0) {
    const keys = unknown.join(", ");
    throw fault(keys, `unknown: ${keys}`, "leave them out, or add IgnoreUnknown=1");
  }
  const list = (key: string): readonly string[] =>
    (pairs.get(key) ?? "").split(",").map((word) => word.trim()).filter((word) => word !== "");
  return {
    pod: podOf(pairs),
    networks: list("FABRIC_NETWORK"),
    ips: list("IP"),
    mac: pairs.get("MAC"),
  };
}

/**
 * A pod of Kubernetes always has a namespace. podman names its containers by K8S_POD_NAME alone, and
 * those are known by their ids.
 */
function podOf(pairs: ReadonlyMap<string, string>): Pod | undefined {
  const namespace = pairs.get("K8S_POD_NAMESPACE") ?? "";
  const name = pairs.get("K8S_POD_NAME") ?? "";
  const uid = pairs.get("K8S_POD_UID") ?? "";
  if (name === "" || namespace === "") return undefined;
  return { namespace, name, ...(uid === "" ? {} : { uid }) };
}

function fault(value: string, why: string, remedy: string): FabricError {
  return new FabricError("invalid", `Cannot use CNI_ARGS: ${why}`, {
    field: "CNI_ARGS",
    value,
    remedy,
  });
}
