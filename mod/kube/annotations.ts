/**
 * What a user writes: annotations on the Pod, on what made it and on its Namespace. The nearest
 * wins, each by itself. `docs/kubernetes.md` has the table; a test holds that both say the same.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { API_GROUP } from "../model/resource.ts";
import { didYouMean } from "../nearest.ts";
import {
  type AddressList,
  DEFAULT_RECLAIM_SECONDS,
  type OnExhausted,
  parseAddressList,
  parseFlag,
  parseMacValue,
  parseNetworks,
  parseOnExhausted,
  parseRate,
  parseReclaim,
  type Reclaim,
  ValueFault,
} from "./annotation_value.ts";

/** An object whose annotations count, for people and as data. */
export interface Layer {
  /** `Pod shop/web-0`, `Namespace shop`. */
  readonly object: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Where a value stands. */
export interface Origin {
  readonly object: string;
  /** The annotation's whole name. */
  readonly annotation: string;
}

/** What the annotations ask for, for one interface. */
export interface Wish {
  /** The first that reaches the node's zone is taken. */
  readonly networks: (Origin & { readonly names: readonly string[] }) | undefined;
  readonly ips: (Origin & { readonly list: AddressList }) | undefined;
  /** The addresses belong to the workload. */
  readonly fixed: boolean;
  readonly mac: string | undefined;
  /** Bits per second towards the Pod. */
  readonly ingressRate: number | undefined;
  /** Bits per second from the Pod. */
  readonly egressRate: number | undefined;
  readonly reclaim: Reclaim;
  readonly onExhausted: OnExhausted;
}

/** The interface that Kubernetes' runtimes make first. */
export const FIRST_INTERFACE = "eth0";

const PREFIX = `${API_GROUP}/`;

/** All annotations. `each`: one for every interface, `<name>.<ifname>` for others than the first. */
export const ANNOTATIONS = {
  network: { each: true },
  ips: { each: true },
  fixed: { each: true },
  mac: { each: true },
  "ingress-rate": { each: true },
  "egress-rate": { each: true },
  reclaim: { each: false },
  "on-exhausted": { each: false },
} as const satisfies Readonly<Record<string, { readonly each: boolean }>>;
type Name = keyof typeof ANNOTATIONS;

/** Names that are no annotation of Pods but stand under the same prefix. */
const OTHERS: readonly string[] = ["tenant"];

/** Kubernetes' own, which runtimes hand to plugins that can use them. */
const OWN_RATES = {
  "ingress-rate": "kubernetes.io/ingress-bandwidth",
  "egress-rate": "kubernetes.io/egress-bandwidth",
} as const;

/**
 * Reads the annotations of the layers, the nearest first.
 *
 * @throws {FabricError} `invalid`: field is the annotation; the message names the object too.
 */
export function readWish(layers: readonly Layer[], ifname: string): Wish {
  for (const layer of layers) checkNames(layer);
  const find = <T>(name: Name, parse: (text: string) => T): Found<T> | undefined => {
    const suffixed = `${PREFIX}${name}.${ifname}`;
    const plain = ifname === FIRST_INTERFACE || !ANNOTATIONS[name].each ? [`${PREFIX}${name}`] : [];
    for (const annotation of [suffixed, ...plain]) {
      for (const { object, annotations } of layers) {
        const text = annotations[annotation];
        if (text === undefined) continue;
        return { object, annotation, value: read({ object, annotation, text }, parse) };
      }
    }
    return undefined;
  };
  const networks = find("network", parseNetworks);
  const ips = find("ips", parseAddressList);
  const fixed = find("fixed", parseFlag);
  if (ips !== undefined && fixed?.value === false) {
    throw new FabricError(
      "invalid",
      `${ips.annotation} of ${ips.object} fixes addresses, and ${fixed.annotation} of ` +
        `${fixed.object} is "false"`,
      { field: fixed.annotation, value: "false", remedy: "leave out one of the two" },
    );
  }
  return {
    networks: networks === undefined ? undefined : { ...originOf(networks), names: networks.value },
    ips: ips === undefined ? undefined : { ...originOf(ips), list: ips.value },
    fixed: ips !== undefined || (fixed?.value ?? false),
    mac: find("mac", parseMacValue)?.value,
    ingressRate: (find("ingress-rate", parseRate) ?? ownRate(layers, "ingress-rate", ifname))
      ?.value,
    egressRate: (find("egress-rate", parseRate) ?? ownRate(layers, "egress-rate", ifname))?.value,
    reclaim: find("reclaim", parseReclaim)?.value ?? DEFAULT_RECLAIM_SECONDS,
    onExhausted: find("on-exhausted", parseOnExhausted)?.value ?? "wait",
  };
}

interface Found<T> extends Origin {
  readonly value: T;
}

function originOf({ object, annotation }: Origin): Origin {
  return { object, annotation };
}

/** Kubernetes defines them for Pods and their first interface only. */
function ownRate(
  layers: readonly Layer[],
  name: keyof typeof OWN_RATES,
  ifname: string,
): Found<number> | undefined {
  const [pod] = layers;
  const annotation = OWN_RATES[name];
  const text = pod?.annotations[annotation];
  if (pod === undefined || text === undefined || ifname !== FIRST_INTERFACE) return undefined;
  const { object } = pod;
  return { object, annotation, value: read({ object, annotation, text }, parseRate) };
}

function read<T>(
  { object, annotation, text }: Origin & { readonly text: string },
  parse: (text: string) => T,
): T {
  try {
    return parse(text.trim());
  } catch (fault) {
    if (!(fault instanceof ValueFault)) throw fault;
    throw new FabricError(
      "invalid",
      `Cannot use annotation ${annotation} "${text}" of ${object}: ${fault.message}`,
      { field: annotation, value: text, remedy: fault.remedy, cause: fault },
    );
  }
}

/** A misspelt annotation would be silently without effect: so it is an error. */
function checkNames({ object, annotations }: Layer): void {
  for (const annotation of Object.keys(annotations)) {
    if (!annotation.startsWith(PREFIX)) continue;
    const rest = annotation.slice(PREFIX.length);
    const [name = "", ...suffix] = rest.split(".");
    const known = Object.keys(ANNOTATIONS);
    if (OTHERS.includes(rest)) continue;
    if (known.includes(name) && (suffix.length === 0 || suffix.join(".") !== "")) continue;
    throw new FabricError("invalid", `Unknown annotation ${annotation} of ${object}`, {
      field: annotation,
      remedy: didYouMean(name, known, `use one of ${known.join(", ")}`),
    });
  }
}
