/**
 * From an allocation to the pod's interface, and from that to the result: pure.
 *
 * @module
 */

import { hostMacOf } from "../mod/host/ifname.ts";
import type { PodInterface } from "../mod/host/pod_plan.ts";
import { formatAddress } from "../mod/ip/address.ts";
import { formatInterfaceAddress } from "../mod/ip/prefix.ts";
import type { Allocation } from "../mod/ipam/allocation.ts";
import { plannedInterface } from "../mod/node/planned_interface.ts";
import type { AddRequest } from "./request.ts";
import type { CniResult, CniRoute } from "./result.ts";

/** The pod's interface as the allocation and the request want it. */
export function podInterface(request: AddRequest, allocation: Allocation): PodInterface {
  return plannedInterface(allocation, {
    ifname: request.sandbox.ifname,
    defaultRoute: request.wanted.defaultRoute ?? "first",
  });
}

/** What an ADD answers. */
export function addResult(
  request: AddRequest,
  made: {
    readonly allocation: Allocation;
    readonly pod: PodInterface;
    readonly host: string;
    /** Whether the default route came to this interface. */
    readonly defaultRoute: boolean;
  },
): CniResult {
  const { allocation, pod, host, defaultRoute } = made;
  const { mtu, mac } = allocation;
  const defaults = defaultRoute
    ? pod.gateways.map((gw): CniRoute => ({ dst: gw.includes(":") ? "::/0" : "0.0.0.0/0", gw }))
    : [];
  const routes = pod.routes.map(({ destination, gateway }): CniRoute => ({
    dst: destination,
    ...(gateway === undefined ? {} : { gw: gateway }),
  }));
  return {
    interfaces: [
      { name: host, mac: hostMacOf(host), mtu },
      { name: pod.ifname, mac, mtu, sandbox: request.sandbox.netns },
    ],
    ips: allocation.addresses.map(({ gateway, ...address }) => ({
      address: formatInterfaceAddress(address),
      ...(gateway === undefined ? {} : { gateway: formatAddress(gateway) }),
      interface: 1,
    })),
    routes: [...defaults, ...routes],
    dns: request.wanted.dns ?? allocation.network.spec.dns ?? {},
  };
}
