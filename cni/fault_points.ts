/**
 * The fault points of the plugin: before and after each effect of a call, so that a test can kill
 * it there. For tests; the names stand once more where they are passed, because the release must
 * not hold them (see `mod/fault_off.ts`).
 *
 * @module
 */

/** Of an ADD that succeeds. */
export const ADD_FAULT_POINTS = [
  "add:before-allocate",
  "add:after-allocate",
  "add:before-veth",
  "add:after-veth",
  "add:before-port",
  "add:after-port",
  "add:after-ofport",
  "add:before-pod",
  "add:after-pod",
  "add:before-result",
] as const;

/** Of an ADD that succeeds, on a node whose configuration has services. */
export const SERVICES_FAULT_POINTS = ["add:before-services", "add:after-services"] as const;

/** Of an ADD that fails and takes back what it did. */
export const UNDO_FAULT_POINTS = ["add:before-undo", "add:after-undo"] as const;

/** Of a DEL. */
export const DEL_FAULT_POINTS = [
  "del:start",
  "del:before-port",
  "del:after-port",
  "del:before-veth",
  "del:after-veth",
  "del:before-release",
  "del:after-release",
] as const;

/** Of a DEL that finds no etcd. */
export const SPOOL_FAULT_POINTS = ["del:before-spool", "del:after-spool"] as const;

/** Of the call that says later what such a DEL could not say. */
export const SPOOLED_FAULT_POINTS = ["spool:before-release", "spool:after-release"] as const;

/** Of a GC, beside those of taking an interface off the host. */
export const GC_FAULT_POINTS = ["gc:before-host", "gc:after-host", "gc:after-release"] as const;

/** All of them. */
export const FAULT_POINTS: readonly string[] = [
  ...ADD_FAULT_POINTS,
  ...SERVICES_FAULT_POINTS,
  ...UNDO_FAULT_POINTS,
  ...DEL_FAULT_POINTS,
  ...SPOOL_FAULT_POINTS,
  ...SPOOLED_FAULT_POINTS,
  ...GC_FAULT_POINTS,
];
