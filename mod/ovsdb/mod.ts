/**
 * Open vSwitch's database: bridges, ports and what vswitchd makes of them.
 *
 * @module
 */

export * from "./bridge.ts";
export * from "./client.ts";
export * from "./external_ids.ts";
export * from "./interface.ts";
export * from "./port.ts";
export * from "./service_port.ts";
export * from "./switch.ts";
export * from "./vswitchd.ts";
