/**
 * The shape of the configuration, with its defaults.
 *
 * @module
 */

import * as v from "valibot";
import { formatAddress, parseAddress, tryParseAddress } from "./ip/address.ts";
import { formatPrefix, parsePrefix } from "./ip/prefix.ts";
import { DEFAULT_LOG, LOG_LEVELS } from "./log_default.ts";

const Name = v.pipe(
  v.string("it is not text"),
  v.regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/, "it is not a name"),
);
const Path = v.pipe(
  v.string("it is not text"),
  v.regex(/^\/[^\0\n]*$/, "it is not an absolute path"),
);
const Device = v.pipe(
  v.string("it is not text"),
  v.regex(/^(?!\.{1,2}$)[^\s/:\0]{1,15}$/, "it is no name of a device (1 to 15 characters)"),
);
const Text = v.pipe(v.string("it is not text"), v.minLength(1, "it is empty"));
const Flag = v.boolean("it is neither true nor false");

const Endpoint = v.pipe(
  v.string("it is not text"),
  v.check(isEndpoint, "it is not an address such as https://10.0.0.1:2379"),
);

const BridgeSchema = v.strictObject({
  /** Bridge of Open vSwitch on this node. */
  bridge: Device,
  /** Device that is a port of the bridge; added where `create` is true. */
  uplink: v.optional(Device),
  /** Datapath of a bridge that is made here. */
  datapath: v.optional(v.picklist(["system", "netdev"], "it is neither system nor netdev")),
  /** Make the bridge, and its uplink's port, where there is none. */
  create: v.optional(Flag, false),
}, "it is not a mapping with the field bridge");

const EtcdSchema = v.strictObject({
  endpoints: v.optional(
    v.pipe(v.array(Endpoint, "it is not a list"), v.minLength(1, "it is empty")),
    ["http://127.0.0.1:2379"],
  ),
  /** Default: the store's own. */
  prefix: v.optional(v.pipe(
    v.string("it is not text"),
    v.regex(/^\/([\x21-\x2e\x30-\x7e]+\/)*$/, "it does not begin and end with /"),
  )),
  caFile: v.optional(Path),
  certFile: v.optional(Path),
  keyFile: v.optional(Path),
  serverName: v.optional(Text),
  user: v.optional(Text),
  passwordFile: v.optional(Path),
}, "it is not a mapping");

const KubernetesSchema = v.strictObject({
  /** How the API server is reached; a Pod's annotations count where this is set. */
  kubeconfig: Path,
}, "it is not a mapping with the field kubeconfig");

const Cidr = v.pipe(
  v.string("it is not text"),
  v.check(isCidr, "it is not a CIDR such as 10.96.0.0/16, with no bit set behind its length"),
  v.transform((text) => formatPrefix(parsePrefix(text))),
);
const HostAddress = v.pipe(
  v.string("it is not text"),
  v.check((text) => tryParseAddress(text) !== undefined, "it is not an IP address"),
  v.transform((text) => formatAddress(parseAddress(text))),
);

const ServicesSchema = v.strictObject({
  /** The ranges that ClusterIPs are from, of either family: kube-apiserver's. */
  cidrs: v.pipe(v.array(Cidr, "it is not a list"), v.minLength(1, "it is empty")),
  /** Addresses of this node that its pods reach beside the wire. Default: found out, one a family. */
  nodeAddresses: v.optional(
    v.pipe(v.array(HostAddress, "it is not a list"), v.minLength(1, "it is empty")),
  ),
  /** Backends that are reached by the node's own devices and in its name, not by the pods' network. */
  viaNode: v.optional(v.array(Cidr, "it is not a list"), []),
}, "it is not a mapping with the field cidrs");

const LogSchema = v.strictObject({
  level: v.optional(
    v.picklist(LOG_LEVELS, `it is none of ${LOG_LEVELS.join(", ")}`),
    DEFAULT_LOG.level,
  ),
  file: v.optional(Path, DEFAULT_LOG.file),
  maxBytes: v.optional(
    v.pipe(
      v.number("it is not a number"),
      v.integer("it is not a whole number"),
      v.minValue(4096, "it is under 4096"),
    ),
    DEFAULT_LOG.maxBytes,
  ),
}, "it is not a mapping");

/** The whole file. */
export const ConfigSchema = v.strictObject({
  cluster: v.optional(Name, "local"),
  node: v.optional(Name),
  zone: v.optional(Name, "default"),
  defaultNetwork: v.optional(
    v.pipe(
      v.lazy((input) =>
        Array.isArray(input)
          ? v.array(Name)
          : v.pipe(v.string("it is neither a name nor a list"), Name, v.transform((one) => [one]))
      ),
      v.readonly(),
    ),
    [],
  ),
  physicalNetworks: v.optional(v.record(Name, BridgeSchema, "it is not a mapping"), {}),
  etcd: v.optional(EtcdSchema, {}),
  /** Absent: a host without Kubernetes. */
  kubernetes: v.optional(KubernetesSchema),
  /** Absent: pods are on the wire and nowhere else. */
  services: v.optional(ServicesSchema),
  ovsdb: v.optional(
    v.strictObject(
      { socket: v.optional(Path, "/run/openvswitch/db.sock") },
      "it is not a mapping",
    ),
    {},
  ),
  log: v.optional(LogSchema, {}),
  stateDir: v.optional(Path, "/var/lib/fabric"),
  runDir: v.optional(Path, "/run/fabric"),
  machineIdFile: v.optional(Path, "/etc/machine-id"),
  bootIdFile: v.optional(Path),
  /** Of `fabric-ctl serve`, which reads it itself: no other role pays for its checks. */
  server: v.optional(v.unknown()),
}, "it is not a mapping");

/** What the file, the variables and the flags say. */
export type ParsedConfig = v.InferOutput<typeof ConfigSchema>;
/** How one physical network is reached on this node. */
export type BridgeConfig = v.InferOutput<typeof BridgeSchema>;
/** How etcd is reached. */
export type EtcdConfig = v.InferOutput<typeof EtcdSchema>;
/** The way of Services. */
export type ServicesConfig = v.InferOutput<typeof ServicesSchema>;
/** What is logged, and where. */
export type LogConfig = v.InferOutput<typeof LogSchema>;

/** The configuration of this host. */
export interface Config extends ParsedConfig {
  readonly node: string;
}

/** The fields that a section of the configuration can have; `""` is the file itself. */
export function knownFields(section: string): readonly string[] {
  if (section === "") return Object.keys(ConfigSchema.entries);
  if (section === "etcd") return Object.keys(EtcdSchema.entries);
  if (section === "log") return Object.keys(LogSchema.entries);
  if (section === "ovsdb") return ["socket"];
  if (section === "kubernetes") return Object.keys(KubernetesSchema.entries);
  if (section === "services") return Object.keys(ServicesSchema.entries);
  return Object.keys(BridgeSchema.entries);
}

function isCidr(text: string): boolean {
  try {
    return parsePrefix(text).length > 0;
  } catch {
    return false;
  }
}

function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.password === "" && url.pathname === "/" && url.search === "" && url.hash === "";
}
