/**
 * The test bed: several hosts on one machine. Start with {@linkcode startLab}.
 *
 * @module
 */

export { type Lab, type Server, type ServerOptions, startLab } from "./lab.ts";
export type { EquippedHost } from "./equipped_host.ts";
export type { Host, Sandbox } from "./host.ts";
export {
  type CnitoolCall,
  conflist,
  FABRIC_BINARY,
  type InstallOptions,
  type PluginAnswer,
  type PluginCall,
  TOOLS,
} from "./fabric.ts";
export type { Container, Containerd, ContainerdOptions, RunOptions } from "./containerd.ts";
export type { Podman, PodmanContainer, PodmanRunOptions } from "./podman.ts";
export type {
  HostOptions,
  LabEtcdOptions,
  LabOptions,
  LabPlan,
  PhysicalNetworkOptions,
  VlanOptions,
} from "./options.ts";
export type { EtcdFiles, LabEtcd } from "./etcd.ts";
export type { Capture, PingOptions, PingResult, Place } from "./place.ts";
export type { Daemon, OpenVSwitch } from "./ovs.ts";
export type { Switch } from "./switch.ts";
export { measureThroughput, type ThroughputOptions } from "./throughput.ts";
export { manifest, type ManifestObject } from "./manifest.ts";
export { attachByHand, type HandmadeOptions } from "./handmade.ts";
export {
  eventually,
  type ExecOptions,
  type ExecResult,
  requireOk,
  type Running,
} from "./process.ts";
