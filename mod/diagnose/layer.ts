/**
 * The way of a pod's packet, layer by layer, and the walk along it: the first layer that is broken
 * ends the walk, because what lies behind it cannot be judged.
 *
 * @module
 */

/** The layers in the order in which a packet of a pod passes them. */
export const LAYERS = [
  "record",
  "namespace",
  "addresses",
  "veth",
  "port",
  "flows",
  "uplink",
  "vlan",
  "gateway",
  "target",
] as const;
export type Layer = typeof LAYERS[number];

/**
 * `ok`: it is as it should be. `broken`: it is not, and this is why nothing passes. `unknown`: it
 * could not be looked at. `skipped`: it is not on this way.
 */
export type Status = "ok" | "broken" | "unknown" | "skipped";

/** What somebody said that proves a verdict. */
export interface Evidence {
  /** Who said it: a key, a command, a port. */
  readonly source: string;
  readonly says: string;
}

/** The verdict on one layer. */
export interface Verdict {
  readonly status: Status;
  /** One sentence without a final period. */
  readonly says: string;
  readonly evidence?: readonly Evidence[];
  /** A command that shows the same to anybody, as text for a shell on the node. */
  readonly proof?: string;
  /** What to do about it. */
  readonly remedy?: string;
  /** Worth a look, though packets pass. */
  readonly notes?: readonly string[];
}

/** A layer with its verdict. */
export interface Step extends Verdict {
  readonly layer: Layer;
}

/** What was found on one way. */
export interface Diagnosis {
  /** What was asked about: `pod web/shop, interface eth0`. */
  readonly subject: string;
  /** Where the way leads: `gateway 10.100.0.1`; undefined where there is none. */
  readonly target: string | undefined;
  /** Every layer once, in order; those behind a broken one are `skipped`. */
  readonly path: readonly Step[];
  /** The layer where the way breaks. */
  readonly broken: Step | undefined;
}

/** Looks at one layer; returns undefined where the layer is not on this way. */
export type Look = () => Promise<Verdict | undefined> | Verdict | undefined;

/** A look for each layer on the way; the others are skipped. */
export type Looks = Partial<Readonly<Record<Layer, Look>>>;

export interface WalkOptions {
  readonly subject: string;
  readonly target?: string | undefined;
  /** Told of each layer before it is looked at. */
  readonly onLayer?: (layer: Layer) => void;
}

/**
 * Walks along the layers and stops where the way is broken. A look that throws is `unknown`: what
 * could not be looked at must not hide what can.
 */
export async function walk(looks: Looks, options: WalkOptions): Promise<Diagnosis> {
  const { subject, target, onLayer } = options;
  const path: Step[] = [];
  let broken: Step | undefined;
  for (const layer of LAYERS) {
    const look = looks[layer];
    if (broken !== undefined || look === undefined) {
      const says = look === undefined ? "not on this way" : "not looked at";
      path.push({ layer, status: "skipped", says });
      continue;
    }
    onLayer?.(layer);
    const step = { layer, ...await verdictOf(look) };
    path.push(step);
    if (step.status === "broken") broken = step;
  }
  return { subject, target, path, broken };
}

async function verdictOf(look: Look): Promise<Verdict> {
  try {
    return await look() ?? { status: "skipped", says: "not on this way" };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { status: "unknown", says: `could not be looked at: ${message}` };
  }
}

/** True where every layer was looked at and found well; those that are not on the way count not. */
export function isSound({ path, broken }: Diagnosis): boolean {
  return broken === undefined && path.every(({ status }) => status !== "unknown");
}
