/**
 * Figures for Prometheus.
 *
 * @module
 */

import { BUILD } from "fabric/build";
import { poolsOf } from "../pools.ts";
import type { ServerContext } from "../context.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { heading, series } from "../metrics.ts";

const HELP: Readonly<Record<string, string>> = {
  fabric_http_requests_total: "Requests by route, method and status",
  fabric_http_request_seconds: "How long requests took",
  fabric_etcd_seconds: "How long etcd took",
  fabric_etcd_errors_total: "Calls of etcd that failed, by the kind of error",
  fabric_address_changes_total: "Addresses that were taken and given back",
  fabric_audit_lost_total: "Audit entries that stand in the log only",
};

/** Networks beyond that, the emptiest, are left out: each is a handful of series. */
const MAX_NETWORKS = 500;

function gauges(context: ServerContext): string {
  const { mirror, watches, usage } = context;
  const gauge = (name: string, help: string, value: number): string =>
    heading(name, "gauge", help) + series(name, {}, value);
  const networks = [...mirror.tables.networks.walk()].map(([, { value }]) => ({
    name: value.metadata.name,
    subnets: poolsOf(value).length === 0 ? [] : usage.of(value),
  }));
  const sum = (one: typeof networks[number], field: "used" | "fixed" | "reserved" | "cooling") =>
    one.subnets.reduce((total, subnet) => total + subnet[field], 0);
  const fullest = (one: typeof networks[number]): number =>
    Math.max(0, ...one.subnets.map(({ utilisation }) => utilisation));
  networks.sort((a, b) => fullest(b) - fullest(a));
  const shown = networks.slice(0, MAX_NETWORKS);
  let text =
    gauge("fabric_mirror_ready", "1 while the mirror follows etcd", mirror.loaded ? 1 : 0) +
    gauge("fabric_mirror_revision", "Revision of etcd that the mirror shows", mirror.revision) +
    gauge("fabric_watches", "Watches that are open", watches.size) +
    gauge("fabric_networks", "Networks", networks.length) +
    gauge("fabric_nodes", "Nodes", mirror.tables.nodes.size) +
    gauge("fabric_addresses", "Addresses with a record", mirror.tables.addresses.size) +
    heading("fabric_watches_dropped_total", "counter", "Watches whose reader was too slow") +
    series("fabric_watches_dropped_total", {}, watches.dropped) +
    heading("fabric_build_info", "gauge", "Version and commit") +
    series("fabric_build_info", { version: BUILD.version, commit: BUILD.commit }, 1) +
    heading("fabric_network_addresses", "gauge", "Addresses of a network by state");
  for (const one of shown) {
    for (const state of ["used", "fixed", "reserved", "cooling"] as const) {
      const labels = { network: one.name, state };
      text += series("fabric_network_addresses", labels, sum(one, state));
    }
  }
  text += heading("fabric_network_utilisation", "gauge", "How full the fullest subnet is, 0 to 1");
  for (const one of shown) {
    text += series("fabric_network_utilisation", { network: one.name }, fullest(one));
  }
  return text;
}

/** Routes of figures. */
export const METRICS_ROUTES: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/metrics",
    id: "metrics",
    tag: "health",
    summary: "Figures for Prometheus",
    access: "viewer",
    tenant: "none",
    answers: { 200: { description: "Figures", type: "text/plain" } },
    handle: ({ context }) => ({
      status: 200,
      raw: {
        type: "text/plain; version=0.0.4; charset=utf-8",
        content: context.metrics.text(HELP) + gauges(context),
      },
    }),
  }),
];
