/**
 * Every setting that a variable of the environment or a flag can override, once: its field in the
 * file, its variable, its flag. The three names say the same.
 *
 * @module
 */

/** How the text of a variable or a flag becomes the field's value. */
export type SettingKind = "text" | "number" | "list" | "bridges";

/** One setting. */
export interface Setting {
  /** The field in the file, as `etcd.caFile`. */
  readonly field: string;
  readonly variable: string;
  /** Without the dashes in front. */
  readonly flag: string;
  readonly kind: SettingKind;
  /** For help texts. */
  readonly help: string;
}

/** All settings, in the order in which help shows them. */
export const SETTINGS = [
  {
    field: "cluster",
    variable: "FABRIC_CLUSTER",
    flag: "cluster",
    kind: "text",
    help: "Cluster of this node: UID of the namespace kube-system; default: local",
  },
  {
    field: "node",
    variable: "FABRIC_NODE",
    flag: "node",
    kind: "text",
    help: "Name of this node; default: the host's name",
  },
  {
    field: "zone",
    variable: "FABRIC_ZONE",
    flag: "zone",
    kind: "text",
    help: "Zone of this node; default: default",
  },
  {
    field: "defaultNetwork",
    variable: "FABRIC_DEFAULT_NETWORK",
    flag: "default-network",
    kind: "list",
    help: "Network of pods that name none; of several, the first that reaches this zone",
  },
  {
    field: "physicalNetworks",
    variable: "FABRIC_PHYSICAL_NETWORKS",
    flag: "physical-networks",
    kind: "bridges",
    help: "Bridge of each physical network: prod=br-prod,dmz=br-dmz",
  },
  {
    field: "etcd.endpoints",
    variable: "FABRIC_ETCD_ENDPOINTS",
    flag: "etcd-endpoints",
    kind: "list",
    help: "Addresses of etcd, separated by commas; default: http://127.0.0.1:2379",
  },
  {
    field: "etcd.prefix",
    variable: "FABRIC_ETCD_PREFIX",
    flag: "etcd-prefix",
    kind: "text",
    help: "What all our keys in etcd begin with",
  },
  {
    field: "etcd.caFile",
    variable: "FABRIC_ETCD_CA_FILE",
    flag: "etcd-ca-file",
    kind: "text",
    help: "Certificates (PEM) that etcd's certificate is checked against",
  },
  {
    field: "etcd.certFile",
    variable: "FABRIC_ETCD_CERT_FILE",
    flag: "etcd-cert-file",
    kind: "text",
    help: "Our client certificate (PEM)",
  },
  {
    field: "etcd.keyFile",
    variable: "FABRIC_ETCD_KEY_FILE",
    flag: "etcd-key-file",
    kind: "text",
    help: "Key of our client certificate (PEM); nobody else may read the file",
  },
  {
    field: "etcd.serverName",
    variable: "FABRIC_ETCD_SERVER_NAME",
    flag: "etcd-server-name",
    kind: "text",
    help: "Name in etcd's certificate, where it is not the host of the endpoint",
  },
  {
    field: "etcd.user",
    variable: "FABRIC_ETCD_USER",
    flag: "etcd-user",
    kind: "text",
    help: "User of etcd's own authentication",
  },
  {
    field: "etcd.passwordFile",
    variable: "FABRIC_ETCD_PASSWORD_FILE",
    flag: "etcd-password-file",
    kind: "text",
    help: "File with that user's password; nobody else may read it",
  },
  {
    field: "kubernetes.kubeconfig",
    variable: "FABRIC_KUBERNETES_KUBECONFIG",
    flag: "kubernetes-kubeconfig",
    kind: "text",
    help: "File with server and token for Kubernetes; without it annotations do not count",
  },
  {
    field: "services.cidrs",
    variable: "FABRIC_SERVICES_CIDRS",
    flag: "services-cidrs",
    kind: "list",
    help: "Ranges of ClusterIPs; with it pods reach Services and their own node beside the wire",
  },
  {
    field: "services.nodeAddresses",
    variable: "FABRIC_SERVICES_NODE_ADDRESSES",
    flag: "services-node-addresses",
    kind: "list",
    help: "Addresses of this node that its pods reach; default: found out, one of each family",
  },
  {
    field: "services.viaNode",
    variable: "FABRIC_SERVICES_VIA_NODE",
    flag: "services-via-node",
    kind: "list",
    help: "Ranges of backends that are reached by the node's own devices, in its name",
  },
  {
    field: "ovsdb.socket",
    variable: "FABRIC_OVSDB_SOCKET",
    flag: "ovsdb-socket",
    kind: "text",
    help: "Socket of ovsdb-server; default: /run/openvswitch/db.sock",
  },
  {
    field: "log.level",
    variable: "FABRIC_LOG_LEVEL",
    flag: "log-level",
    kind: "text",
    help: "What is logged: debug (also the commands that were run), info, warning, error",
  },
  {
    field: "log.file",
    variable: "FABRIC_LOG_FILE",
    flag: "log-file",
    kind: "text",
    help: "Where the log goes; default: /var/log/fabric/fabric.log",
  },
  {
    field: "log.maxBytes",
    variable: "FABRIC_LOG_MAX_BYTES",
    flag: "log-max-bytes",
    kind: "number",
    help: "Size at which the log is rotated; default: 10485760",
  },
  {
    field: "stateDir",
    variable: "FABRIC_STATE_DIR",
    flag: "state-dir",
    kind: "text",
    help: "What must survive a boot; default: /var/lib/fabric",
  },
  {
    field: "runDir",
    variable: "FABRIC_RUN_DIR",
    flag: "run-dir",
    kind: "text",
    help: "What must not survive a boot; default: /run/fabric",
  },
  {
    field: "machineIdFile",
    variable: "FABRIC_MACHINE_ID_FILE",
    flag: "machine-id-file",
    kind: "text",
    help: "Identity of this host; default: /etc/machine-id",
  },
  {
    field: "bootIdFile",
    variable: "FABRIC_BOOT_ID_FILE",
    flag: "boot-id-file",
    kind: "text",
    help: "Identity of this boot; default: the kernel's",
  },
] as const satisfies readonly Setting[];

/** A variable of {@linkcode SETTINGS}. */
export type SettingVariable = typeof SETTINGS[number]["variable"];

/** A flag of {@linkcode SETTINGS}. */
export type SettingFlag = typeof SETTINGS[number]["flag"];
