/**
 * Kinds of damage of a node as such: its daemons, clock and identity, its own files, its bridges.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

export const NODE_KINDS = {
  ovsdbDown: defineKind({
    code: "F-C-01",
    source: "node",
    severity: "error",
    title: "ovsdb-server does not answer",
    meaning: "Nothing answers on the socket that `ovsdb.socket` names.",
    consequence: "No pod of this node can start, a DEL leaves its port behind; nothing of the " +
      "switch was checked.",
    remedy: "By hand: start Open vSwitch, or correct ovsdb.socket in the node's configuration.",
  }),
  vswitchdDown: defineKind({
    code: "F-C-02",
    source: "node",
    severity: "error",
    title: "ovs-vswitchd does not answer",
    meaning: "ovs-vswitchd does not tell the flows of any bridge: it is down or stuck.",
    consequence:
      "With a datapath in user space no pod of this node reaches anybody; no pod starts.",
    remedy: "By hand: start ovs-vswitchd, and look into its log why it ended.",
  }),
  clock: defineKind({
    code: "F-C-03",
    source: "node",
    severity: "warning",
    title: "the clock differs from etcd's",
    meaning: "The node's clock and that of the etcd member which answered are more than 5 s apart.",
    consequence: "Times in the history that this node writes are wrong; who had an address at a " +
      "time may be answered wrongly.",
    remedy: "By hand: see that chrony or another client of NTP runs here and on etcd's hosts.",
  }),
  otherMachine: defineKind({
    code: "F-C-04",
    source: "node",
    severity: "error",
    title: "another machine has this node's name",
    meaning: "Records of the node were written by a machine with another machine-id than this one.",
    consequence:
      "Two machines act under one name: each takes the other's pods for its own, and a " +
      "restart of one looks like the end of the other's pods.",
    remedy: "By hand: give this machine a name of its own. Where it replaces the other one, see " +
      "that the other is off, and fence the node.",
  }),
  zoneUnknown: defineKind({
    code: "F-C-05",
    source: "node",
    severity: "error",
    title: "the node's zone does not exist",
    meaning: "`zone` of the node's configuration names a zone without a record.",
    consequence: "Every ADD of this node fails.",
    remedy: "By hand: apply the Zone, or correct zone in the node's configuration.",
  }),
  zoneDiffers: defineKind({
    code: "F-C-06",
    source: "node",
    severity: "warning",
    title: "the node's record has another zone",
    meaning: "The node's configuration and its record name different zones.",
    consequence: "ADDs go by the configuration, everybody else by the record.",
    remedy:
      "By hand: correct the one that is wrong; the record is changed with fabric-admin apply.",
  }),
  unmapped: defineKind({
    code: "F-C-07",
    source: "node",
    severity: "warning",
    title: "a physical network of the zone has no bridge here",
    meaning: "The zone lists a physical network that `physicalNetworks` of the node's " +
      "configuration does not name.",
    consequence: "Pods of its networks cannot start on this node.",
    remedy: "By hand: name its bridge in the node's configuration, or take it out of the zone.",
  }),
  storeReplaced: defineKind({
    code: "F-C-08",
    source: "node",
    severity: "error",
    title: "etcd was replaced or restored",
    meaning: "The node has seen a newer store than the one that answers, or another one.",
    consequence: "No pod starts on this node: addresses in use may look free in this store.",
    remedy: "By hand: compare the store with what the nodes hold, with fabric-admin recover.",
  }),
  knownStore: defineKind({
    code: "F-C-09",
    source: "node",
    severity: "warning",
    title: "the node has forgotten its store",
    meaning: "`store.json` in the node's state is there, but cannot be read.",
    consequence: "A store that was replaced or restored would not be noticed here.",
    remedy: "repair writes it anew from the store that answers now.",
  }),
  spoolBroken: defineKind({
    code: "F-C-10",
    source: "node",
    severity: "error",
    title: "a spooled DEL that cannot be said",
    meaning: "A file of the spool is no entry of it.",
    consequence: "Four of them keep the node's calls from every other entry; what the DEL ended " +
      "stays recorded.",
    remedy: "repair moves it aside; the next check finds what it was about.",
  }),
  spoolWaiting: defineKind({
    code: "F-C-11",
    source: "node",
    severity: "warning",
    title: "a spooled DEL was not said",
    meaning:
      "A DEL that could not reach etcd or ovsdb-server waits for more than a minute, though " +
      "both answer.",
    consequence: "Its addresses are not free yet; a fixed address cannot move elsewhere.",
    remedy: "repair says it.",
  }),
  pluginMissing: defineKind({
    code: "F-C-12",
    source: "node",
    severity: "error",
    title: "the plugin is not installed",
    meaning: "There is no executable `fabric` in the folder of CNI plugins.",
    consequence: "The runtime can start no pod, and end none.",
    remedy: "By hand: run fabric install.",
  }),
  conflistMissing: defineKind({
    code: "F-C-13",
    source: "node",
    severity: "error",
    title: "no network configuration calls the plugin",
    meaning: "No file in the runtime's folder of network configurations names a plugin of type " +
      "fabric, or the one that should cannot be read.",
    consequence: "The runtime does not call fabric: pods do not start, or without their network.",
    remedy: "By hand: run fabric install.",
  }),
  conflistHidden: defineKind({
    code: "F-C-14",
    source: "node",
    severity: "warning",
    title: "another network configuration comes first",
    meaning: "A file that sorts before the one of fabric configures another plugin.",
    consequence: "Runtimes that take the first configuration (containerd, CRI-O) use that one.",
    remedy: "By hand: move it away if it is not meant.",
  }),
  writable: defineKind({
    code: "F-C-15",
    source: "node",
    severity: "error",
    title: "others may write what runs as root",
    meaning:
      "The executable, a network configuration, the node's configuration or a folder above " +
      "one of them can be written by others than root.",
    consequence: "A local user can have code run as root.",
    remedy: "repair takes the right from them (chmod go-w).",
  }),
  olderThanSchema: defineKind({
    code: "F-C-16",
    source: "node",
    severity: "error",
    title: "the node's fabric is older than the store",
    meaning: "`meta/schema` is above what the executable here can read.",
    consequence: "ADDs are refused here; nothing of the node's records was checked.",
    remedy: "By hand: install the version of fabric that the other nodes have.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;

export const BRIDGE_KINDS = {
  missing: defineKind({
    code: "F-B-01",
    source: "node",
    severity: "error",
    title: "a bridge is missing",
    meaning: "Open vSwitch has no bridge of the name that the node's configuration gives for a " +
      "physical network.",
    consequence: "No pod of this physical network can start here, and those that run are cut off.",
    remedy: "repair makes it where the configuration says create, with its uplink. Else by hand: " +
      "make it (ovs-vsctl add-br), add its uplink, then run repair.",
  }),
  datapath: defineKind({
    code: "F-B-02",
    source: "node",
    severity: "warning",
    title: "a bridge has another datapath than configured",
    meaning: "`datapath` of the node's configuration and the bridge's datapath_type differ.",
    consequence: "Throughput, filters and offloads are not what was planned.",
    remedy: "By hand: pods are cut off while it changes: drain the node, then set datapath_type.",
  }),
  uplinkOutside: defineKind({
    code: "F-B-03",
    source: "node",
    severity: "error",
    title: "the uplink is not in its bridge",
    meaning: "The device that `uplink` names is no port of the physical network's bridge.",
    consequence: "Pods reach only those on the same node.",
    remedy: "repair adds it, unless another bridge has it.",
  }),
  noUplink: defineKind({
    code: "F-B-04",
    source: "node",
    severity: "error",
    title: "a bridge without an uplink",
    meaning:
      "The bridge has no port but its own and those of pods, and the configuration names no " +
      "uplink.",
    consequence: "Pods reach only those on the same node.",
    remedy: "By hand: add the device that leads to the physical network: ovs-vsctl add-port.",
  }),
  uplinkMissing: defineKind({
    code: "F-B-05",
    source: "node",
    severity: "error",
    title: "the uplink's device is missing",
    meaning: "The bridge has a port for its uplink, and the host has no such device.",
    consequence: "Pods reach only those on the same node.",
    remedy: "By hand: see why the device is gone (driver, bond, name). Open vSwitch takes it up " +
      "again when it is back.",
  }),
  uplinkDown: defineKind({
    code: "F-B-06",
    source: "node",
    severity: "error",
    title: "the uplink is down",
    meaning: "The uplink's device is not set up.",
    consequence: "Pods reach only those on the same node.",
    remedy: "repair sets it up.",
  }),
  noCarrier: defineKind({
    code: "F-B-07",
    source: "node",
    severity: "error",
    title: "the uplink has no carrier",
    meaning: "The uplink's device is up, and there is no signal on the wire.",
    consequence: "Pods reach only those on the same node.",
    remedy: "By hand: see to the cable, the transceiver, and the switch's port.",
  }),
  uplinkVlan: defineKind({
    code: "F-B-08",
    source: "node",
    severity: "error",
    title: "the uplink's port does not carry a VLAN in use",
    meaning:
      "The uplink is an access port, or a trunk whose list lacks the VLAN of a network that " +
      "pods here have.",
    consequence: "Pods of the VLAN reach only those on the same node.",
    remedy: "repair adds the VLAN to the trunk's list. An access port by hand: ovs-vsctl clear " +
      "port UPLINK tag.",
  }),
  uplinkMtu: defineKind({
    code: "F-B-09",
    source: "node",
    severity: "error",
    title: "the uplink's MTU is below that of pods",
    meaning: "A network that pods here have has a larger MTU than the uplink's device.",
    consequence: "Small packets pass and large ones vanish: connections hang after they are made.",
    remedy: "repair sets the uplink's MTU. The switches must carry it too.",
  }),
  silent: defineKind({
    code: "F-B-10",
    source: "node",
    severity: "error",
    title: "a bridge forwards nothing",
    meaning:
      "The bridge has fail_mode secure, no controller, and no flows: as after a restart of " +
      "vswitchd that nobody gave the flows back.",
    consequence: "Its pods reach nobody, not even each other.",
    remedy: "repair adds the flow that makes it a plain switch again.",
  }),
  fallsOpen: defineKind({
    code: "F-B-11",
    source: "node",
    severity: "warning",
    title: "a bridge with flows of its own falls open",
    meaning: "The bridge has flows beside the one of a plain switch, and fail_mode is not secure.",
    consequence: "A restart of vswitchd removes them, and everything passes until they are back.",
    remedy:
      "By hand: whoever keeps the flows should set fail_mode secure, and put them back after.",
  }),
  leftoverFlow: defineKind({
    code: "F-B-12",
    source: "node",
    severity: "warning",
    title: "flows of a port that is gone",
    meaning: "Flows name an OpenFlow port that the bridge does not have.",
    consequence: "The next pod whose port gets the number gets the flows too.",
    remedy: "repair removes exactly these.",
  }),
  sharedPort: defineKind({
    code: "F-B-13",
    source: "node",
    severity: "error",
    title: "a port stands in two bridges",
    meaning: "Two bridges refer to one port in the database.",
    consequence: "vswitchd gives it to one of them: the pod may be in the wrong physical network.",
    remedy: "repair takes it out of the bridge that is not its physical network's.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;
