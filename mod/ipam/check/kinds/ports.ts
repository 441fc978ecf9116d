/**
 * Kinds of damage of a node's ports in Open vSwitch, and of the devices behind them.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

export const PORT_KINDS = {
  missing: defineKind({
    code: "F-V-01",
    source: "node",
    severity: "error",
    title: "an attachment without a port",
    meaning: "The attachment's interface is there, but no port of Open vSwitch.",
    consequence: "The pod runs and reaches nobody.",
    remedy: "repair plugs it in again, with the facts of its record.",
  }),
  unrecorded: defineKind({
    code: "F-V-02",
    source: "node",
    severity: "error",
    title: "a working port without an attachment",
    meaning: "Port, device and the pod's addresses are there, and etcd has no attachment.",
    consequence: "The addresses may be handed out a second time while the pod uses them, and its " +
      "DEL releases nothing.",
    remedy:
      "repair records attachment and addresses again from the port's facts, unless somebody " +
      "else has the addresses by now. Then by hand: end one of the two pods.",
  }),
  dead: defineKind({
    code: "F-V-03",
    source: "node",
    severity: "warning",
    title: "a port of nobody",
    meaning: "The port has no attachment, and the device behind it is gone.",
    consequence: "vswitchd reports it as an error for ever; nobody suffers.",
    remedy: "repair removes the port.",
  }),
  unknown: defineKind({
    code: "F-V-04",
    source: "node",
    severity: "warning",
    title: "a port of which nobody knows whose it is",
    meaning: "A port named like those of pods has a device, no attachment, and no readable facts.",
    consequence: "Somebody is connected whose address nobody knows.",
    remedy: "By hand: see whose device it is (ip -d link show), and end that pod.",
  }),
  foreign: defineKind({
    code: "F-V-05",
    source: "node",
    severity: "notice",
    title: "a port of another cluster or node",
    meaning: "The port's facts name another cluster or node than this node's configuration.",
    consequence:
      "Nobody here looks after it. The node may have been renamed, or two clusters use it.",
    remedy: "By hand: it is left alone. Run check with the configuration of its cluster.",
  }),
  tag: defineKind({
    code: "F-V-06",
    source: "node",
    severity: "error",
    title: "a port has the wrong VLAN",
    meaning: "The port's tag is not the VLAN of its attachment.",
    consequence: "The pod talks in a segment that it does not belong to.",
    remedy: "repair sets the tag.",
  }),
  trunk: defineKind({
    code: "F-V-07",
    source: "node",
    severity: "error",
    title: "a trunk where an access port belongs",
    meaning: "The pod's port carries further VLANs: it has trunks, no tag, or a mode that is not " +
      "access.",
    consequence: "The pod can send into VLANs of others.",
    remedy: "repair makes it an access port of its VLAN.",
  }),
  wrongBridge: defineKind({
    code: "F-V-08",
    source: "node",
    severity: "error",
    title: "a port in the wrong bridge",
    meaning: "The port is in another bridge than that of its physical network.",
    consequence: "The pod is in another physical network: it reaches nobody of its own.",
    remedy: "repair moves it.",
  }),
  error: defineKind({
    code: "F-V-09",
    source: "node",
    severity: "error",
    title: "vswitchd cannot use a port",
    meaning: "The device of the port is there, and vswitchd reports an error for it (ofport -1).",
    consequence: "The pod reaches nobody.",
    remedy: "repair plugs it in again.",
  }),
  deaf: defineKind({
    code: "F-V-10",
    source: "node",
    severity: "error",
    title: "a port whose device was made anew",
    meaning: "The database says that all is well, but the datapath reads from no device of this " +
      "name: the one that it had is gone.",
    consequence: "The pod reaches nobody, though everything looks healthy.",
    remedy: "repair plugs it in again.",
  }),
  facts: defineKind({
    code: "F-V-11",
    source: "node",
    severity: "warning",
    title: "a port says something else than its record",
    meaning: "external_ids of the port and the attachment in etcd differ.",
    consequence: "People are misled, and a store that was lost would be rebuilt wrongly.",
    remedy: "repair writes the facts of the record.",
  }),
  twice: defineKind({
    code: "F-V-12",
    source: "node",
    severity: "error",
    title: "two ports say that they are the same",
    meaning: "A port has the facts of an interface whose port has another name.",
    consequence: "Whoever looks for the pod's port finds the wrong one.",
    remedy: "repair removes our facts from the port whose name is not the interface's; the port " +
      "itself stays.",
  }),
  mtu: defineKind({
    code: "F-V-13",
    source: "node",
    severity: "error",
    title: "the host's end has the wrong MTU",
    meaning: "mtu_request of the port, or the device's MTU, is not that of the network.",
    consequence: "Large packets to the pod vanish.",
    remedy: "repair sets mtu_request; vswitchd sets the device.",
  }),
  qosMissing: defineKind({
    code: "F-V-14",
    source: "node",
    severity: "warning",
    title: "a limit that a restart would wipe",
    meaning: "Traffic to the pod is limited, and its port lacks the QoS of type linux-noop.",
    consequence: "The next restart of vswitchd removes the limit.",
    remedy: "repair adds it.",
  }),
  orphanQos: defineKind({
    code: "F-V-15",
    source: "node",
    severity: "notice",
    title: "a QoS row of nobody",
    meaning: "A row of table QoS is fabric's, and no port refers to it.",
    consequence: "The database grows.",
    remedy: "repair deletes the row.",
  }),
  orphanQueue: defineKind({
    code: "F-V-16",
    source: "node",
    severity: "notice",
    title: "a Queue row of nobody",
    meaning: "A row of table Queue is fabric's, and no QoS refers to it.",
    consequence: "The database grows.",
    remedy: "repair deletes the row.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;

export const DEVICE_KINDS = {
  down: defineKind({
    code: "F-D-01",
    source: "node",
    severity: "error",
    title: "the host's end is down",
    meaning: "The device of the host that leads to the pod is not set up.",
    consequence: "The pod reaches nobody.",
    remedy: "repair sets it up.",
  }),
  leftover: defineKind({
    code: "F-D-02",
    source: "node",
    severity: "warning",
    title: "a device of nobody",
    meaning: "A device named like those of pods has neither an attachment nor a port.",
    consequence: "It leads nowhere; a pod may hold its other end and believe itself connected.",
    remedy: "repair removes it, with its other end.",
  }),
  filterMissing: defineKind({
    code: "F-D-03",
    source: "node",
    severity: "error",
    title: "the filter of a pod's device is missing",
    meaning:
      "The datapath is in user space, and the nftables chain that keeps the pod's frames from " +
      "the host's own stack is missing, hooks nothing, or lets something through.",
    consequence: "The host answers the pod for its own addresses, past the VLAN.",
    remedy: "repair writes the chain anew.",
  }),
  filterLeft: defineKind({
    code: "F-D-04",
    source: "node",
    severity: "notice",
    title: "a filter without its device",
    meaning: "An nftables chain of fabric is left of a device that is gone.",
    consequence: "The ruleset grows; nobody suffers.",
    remedy: "repair deletes the chain.",
  }),
  limit: defineKind({
    code: "F-D-05",
    source: "node",
    severity: "warning",
    title: "the limit of traffic to a pod is missing or different",
    meaning: "The attachment records a limit, and the host's end has none, or another one.",
    consequence: "The pod gets more than it may, or less than it should.",
    remedy: "repair sets the limit.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;
