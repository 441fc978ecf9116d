/**
 * The host, driven by the programs that an administrator would use: devices, namespaces, a pod's
 * addresses and routes, rate limits.
 *
 * @module
 */

export * from "./bandwidth.ts";
export * from "./datapath.ts";
export * from "./identity.ts";
export * from "./ifname.ts";
export * from "./leak_filter.ts";
export * from "./link.ts";
export * from "./netns.ts";
export * from "./plumb.ts";
export * from "./pod.ts";
export * from "./pod_plan.ts";
export * from "./pod_read.ts";
export * from "./run.ts";
export * from "./undo.ts";
