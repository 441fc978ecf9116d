/**
 * Inside of a pod: the interface, its addresses, routes, limits and settings, held against what its
 * ADD made. Later plugins of a chain may have added to it; what was there must be there.
 *
 * @module
 */

import { shaperOf } from "../../../host/bandwidth.ts";
import {
  observePod,
  type SeenAddress,
  type SeenPod,
  type SeenRoute,
} from "../../../host/observe_pod.ts";
import { type PodInterface, podLines, sourceTableOf } from "../../../host/pod_plan.ts";
import { inNetns } from "../../../host/run.ts";
import { formatAddress, parseAddress } from "../../../ip/address.ts";
import { formatPrefix, parseInterfaceAddress, parsePrefix } from "../../../ip/prefix.ts";
import type { Kind } from "../../../ipam/check/finding.ts";
import { POD_KINDS } from "../../../ipam/check/kinds/pods.ts";
import { ORDER } from "../../../ipam/repair/action.ts";
import type { SeenLink } from "../../../host/observe.ts";
import type { NodeJudge } from "../judge.ts";
import { attachmentName } from "../unit.ts";
import type { Recorded } from "./sandboxes.ts";

/** What all checks of one pod share. */
interface Inside {
  readonly judge: NodeJudge;
  readonly unit: Recorded;
  readonly pod: SeenPod;
  readonly link: SeenLink;
  readonly plan: PodInterface;
  /** The default route of the family goes through this interface, or may. */
  readonly ownsDefault: boolean;
}

/** Looks at all of it. */
export function checkPod(judge: NodeJudge, unit: Recorded): void {
  const { expected: { plan }, pod, attachment: { record } } = unit;
  if (plan === undefined || pod?.state !== "there") return;
  const link = pod.pod.links.find(({ name }) => name === record.ifname);
  if (link === undefined) return;
  const others = pod.pod.routes.some(({ destination, table, device }) =>
    isDefault(destination) && table === "main" && device !== undefined && device !== record.ifname
  );
  const inside: Inside = { judge, unit, pod: pod.pod, link, plan, ownsDefault: !others };
  if (checkUp(inside)) return;
  checkMac(inside);
  checkMtu(inside);
  if (checkAddresses(inside)) return;
  checkIpv6(inside);
  checkDefaults(inside);
  checkRoutes(inside);
  checkOffload(inside);
  checkLimit(inside);
}

interface PodReport {
  readonly detail: string;
  readonly says: string;
  readonly steps?: readonly string[];
  /** Lines for `ip -batch` inside, or a script for `sh` with the interface as $1. */
  readonly lines?: readonly string[];
  readonly script?: string;
  readonly undo?: readonly string[];
}

function report({ judge, unit, pod }: Inside, kind: Kind, input: PodReport): void {
  const { detail, says, steps, lines, script, undo = [] } = input;
  const { attachment: { record }, name } = unit;
  const { netns, ifname } = record;
  judge.report(kind, {
    object: attachmentName(record),
    detail,
    evidence: [
      { what: "interface", name: `${ifname} in ${netns}`, says },
    ],
    port: name,
    ...(steps === undefined ? {} : {
      fix: {
        steps,
        order: ORDER.derived,
        undo: undo.map((command) => `nsenter --net=${netns} ${command}`),
        verify: async () => {
          const look = await observePod(judge.context.run, { netns, ifname });
          return look.state === "there" && look.pod.identity === pod.identity &&
            look.pod.links.some((it) => it.name === ifname);
        },
        change: async () => {
          const run = inNetns(judge.context.run, netns);
          if (script !== undefined) await run(["sh", "-euc", script, "sh", ifname]);
          if (lines !== undefined) {
            await run(["ip", "-batch", "-"], { stdin: `${lines.map(replacing).join("\n")}\n` });
          }
        },
      },
    }),
  });
}

/** What is there already is no error. */
function replacing(line: string): string {
  return line.replace(/^(addr|route) add /, "$1 replace ");
}

function isDefault(destination: string): boolean {
  return destination === "0.0.0.0/0" || destination === "::/0";
}

/** Lines of the plan by which it is set up, as it is now routed. */
function linesOf({ plan, ownsDefault }: Inside, matching: RegExp): readonly string[] {
  return podLines(plan, { defaultRoute: ownsDefault }).filter((line) => matching.test(line));
}

function checkUp(inside: Inside): boolean {
  const { link, plan } = inside;
  if (link.up) return false;
  report(inside, POD_KINDS.down, {
    detail: `interface ${plan.ifname} is down`,
    says: "down",
    steps: [`set ${plan.ifname} up, with its addresses and routes`],
    lines: linesOf(inside, /./),
    undo: [`ip link set ${plan.ifname} down`],
  });
  return true;
}

function checkMac(inside: Inside): void {
  const { link, plan } = inside;
  if (link.mac === plan.mac) return;
  report(inside, POD_KINDS.mac, {
    detail: `${plan.ifname} has ${link.mac}, ${plan.mac} is recorded`,
    says: link.mac,
    steps: [`set ${plan.mac}`],
    lines: [`link set dev ${plan.ifname} address ${plan.mac}`],
    undo: [`ip link set dev ${plan.ifname} address ${link.mac}`],
  });
}

function checkMtu(inside: Inside): void {
  const { link, plan } = inside;
  if (plan.mtu === undefined || link.mtu === plan.mtu) return;
  report(inside, POD_KINDS.mtu, {
    detail: `${plan.ifname} has MTU ${link.mtu}, its network ${plan.mtu}`,
    says: `MTU ${link.mtu}`,
    steps: [`set MTU ${plan.mtu}`],
    lines: [`link set dev ${plan.ifname} mtu ${plan.mtu}`],
    undo: [`ip link set dev ${plan.ifname} mtu ${link.mtu}`],
  });
}

/** True where routes may be missing because addresses are. */
function checkAddresses(inside: Inside): boolean {
  const { pod, plan } = inside;
  const seen = pod.addresses.get(plan.ifname) ?? [];
  const canonical = (text: string): string => {
    const { address, length } = parseInterfaceAddress(text);
    return `${formatAddress(address)}/${length}`;
  };
  const host = (text: string): string => canonical(text).replace(/\/.*/, "");
  const wanted = new Set(plan.addresses.map(canonical));
  const wrong = new Set<SeenAddress>();
  let lacking = false;
  for (const text of wanted) {
    const own = seen.filter(({ address }) => host(address) === host(text));
    const right = own.find(({ address }) => canonical(address) === text);
    if (right !== undefined) {
      if (right.dadFailed || right.tentative) unused(inside, right);
      continue;
    }
    const [other] = own;
    lacking = true;
    if (other !== undefined) {
      wrong.add(other);
      wrongPrefix(inside, { is: other.address, wanted: text });
    } else {
      report(inside, POD_KINDS.addressMissing, {
        detail: `${plan.ifname} has no address ${text}`,
        says: `has ${seen.map(({ address }) => address).join(", ") || "no address"}`,
        steps: [`add ${text}, and the routes that need it`],
        ...again(inside, text),
        undo: [`ip addr del ${text} dev ${plan.ifname}`],
      });
    }
  }
  const extra = seen.filter((it) =>
    !wrong.has(it) && !it.dynamic && !wanted.has(canonical(it.address))
  );
  for (const { address } of extra) {
    report(inside, POD_KINDS.addressExtra, {
      detail: `${plan.ifname} has ${address}, which its attachment does not have`,
      says: `has ${address}`,
    });
  }
  return lacking;
}

function again(inside: Inside, text: string): Pick<PodReport, "script" | "lines"> {
  const { plan } = inside;
  const { address } = parseInterfaceAddress(text);
  const lines = linesOf(inside, /^(addr|route) /).filter((line) => {
    const to = line.split(" ")[2] ?? "";
    return to.includes(":") === (address.family === 6);
  });
  const ipv6 = address.family === 6
    ? { script: `echo 0 >/proc/sys/net/ipv6/conf/${plan.ifname}/disable_ipv6` }
    : {};
  return { ...ipv6, lines };
}

function wrongPrefix(
  inside: Inside,
  { is, wanted }: { readonly is: string; readonly wanted: string },
): void {
  const { plan } = inside;
  report(inside, POD_KINDS.prefix, {
    detail: `${plan.ifname} has ${is}, ${wanted} is recorded`,
    says: `has ${is}`,
    steps: [`put ${wanted} in the place of ${is}`],
    // The kernel has an IPv6 address once only, whatever its length.
    script: `ip addr del ${is} dev "$1"`,
    lines: again(inside, wanted).lines ?? [],
    undo: [`ip addr add ${is} dev ${plan.ifname}`],
  });
}

function unused(inside: Inside, { address, dadFailed }: SeenAddress): void {
  report(inside, POD_KINDS.dadFailed, {
    detail: dadFailed
      ? `the kernel does not use ${address}: another host has answered for it`
      : `the kernel still asks whether another host has ${address}`,
    says: dadFailed ? "dadfailed" : "tentative",
    steps: [`take ${address} up again`],
    script: `ip addr del ${address} dev "$1"`,
    lines: again(inside, address).lines ?? [],
  });
}

function checkIpv6(inside: Inside): void {
  const { pod, plan } = inside;
  const { ipv6Off, acceptRa, autoconf } = pod.settings;
  const folder = `/proc/sys/net/ipv6/conf/${plan.ifname}`;
  if (!plan.addresses.some((text) => text.includes(":"))) {
    if (ipv6Off !== false) return;
    return report(inside, POD_KINDS.ipv6On, {
      detail: `${plan.ifname} speaks IPv6, and has no IPv6 address recorded`,
      says: "disable_ipv6 is 0",
      steps: [`switch IPv6 off`],
      script: `echo 1 >${folder}/disable_ipv6`,
      undo: [`sh -c 'echo 0 >${folder}/disable_ipv6'`],
    });
  }
  const dynamic = (pod.addresses.get(plan.ifname) ?? []).filter((it) => it.dynamic);
  if (acceptRa !== true && autoconf !== true && dynamic.length === 0) return;
  const on = [
    ...acceptRa === true ? ["accept_ra"] : [],
    ...autoconf === true ? ["autoconf"] : [],
  ];
  report(inside, POD_KINDS.autoconf, {
    detail: [
      ...on.length === 0 ? [] : [`${on.join(" and ")} of ${plan.ifname} is on`],
      ...dynamic.map(({ address }) => `it has ${address} by a router's word`),
    ].join("; "),
    says: [...on, ...dynamic.map(({ address }) => address)].join(", "),
    steps: [
      "switch autoconfiguration off",
      ...dynamic.map(({ address }) => `remove ${address}`),
    ],
    script: [
      `echo 0 >${folder}/accept_ra; echo 0 >${folder}/autoconf`,
      ...dynamic.map(({ address }) => `ip addr del ${address} dev "$1"`),
    ].join("\n"),
    undo: on.map((setting) => `sh -c 'echo 1 >${folder}/${setting}'`),
  });
}

/** Every family that has a gateway has a way out: a default route, or rules for its addresses. */
function checkDefaults(inside: Inside): void {
  const { plan } = inside;
  for (const gateway of plan.gateways) checkDefault(inside, gateway);
}

function checkDefault(inside: Inside, gateway: string): void {
  const { pod, plan } = inside;
  const { family } = parseAddress(gateway);
  const destination = family === 4 ? "0.0.0.0/0" : "::/0";
  const defaults = pod.routes.filter((route) => route.destination === destination);
  const main = defaults.filter(({ table, device }) => table === "main" && device !== undefined);
  const own = main.filter(({ device }) => device === plan.ifname);
  if (own.some((route) => isBy(route, gateway))) return;
  const [first] = own;
  const line =
    podLines(plan, { defaultRoute: true }).find((it) =>
      it.startsWith(`route add ${destination}`)
    ) ?? "";
  if (first !== undefined) {
    return report(inside, POD_KINDS.defaultWrong, {
      detail: `${destination} goes by ${first.gateway ?? "nobody"}, ${gateway} is recorded`,
      says: `default by ${first.gateway ?? "nobody"}`,
      steps: [`send ${destination} by ${gateway}`],
      script: `ip route del ${destination}${
        first.gateway === undefined ? "" : ` via ${first.gateway}`
      } dev "$1"`,
      lines: [line],
      undo: first.gateway === undefined
        ? []
        : [`ip route replace ${destination} via ${first.gateway} dev ${plan.ifname}`],
    });
  }
  if (hasRules(inside, { family, gateway, defaults })) return;
  if (main.length === 0) {
    return report(inside, POD_KINDS.defaultMissing, {
      detail: `there is no route to ${destination}; gateway ${gateway} is recorded`,
      says: `no default route for IPv${family}`,
      steps: [`send ${destination} by ${gateway}`],
      lines: [line],
      undo: [`ip route del ${destination} via ${gateway}`],
    });
  }
  const table = String(sourceTableOf(plan.ifname));
  const mine = plan.addresses.filter((it) => it.includes(":") === (family === 6));
  const lines = podLines(plan, { defaultRoute: false }).filter((it) =>
    it.endsWith(`table ${table}`) && (it.split(" ")[2] ?? "").includes(":") === (family === 6)
  );
  report(inside, POD_KINDS.noWayBack, {
    detail: `${destination} goes by ${main[0]?.device}, and nothing sends what comes from ` +
      `${mine.join(", ")} back by ${plan.ifname}`,
    says: `default by ${main[0]?.device}, no rule for ${mine.join(", ")}`,
    steps: [`add a rule for ${mine.join(", ")}, and table ${table}`],
    script: mine.map((it) => {
      const address = it.replace(/\/.*/, "");
      const ip = `ip -${family} rule`;
      return `while ${ip} del from ${address} lookup ${table} 2>/dev/null; do :; done\n` +
        `${ip} add from ${address} lookup ${table} pref 1000`;
    }).join("\n"),
    lines,
    undo: mine.map((it) => `ip -${family} rule del from ${it.replace(/\/.*/, "")} lookup ${table}`),
  });
}

function isBy({ gateway }: SeenRoute, wanted: string): boolean {
  return gateway !== undefined && formatAddress(parseAddress(gateway)) === wanted;
}

/** Every address of the family has a rule, to a table with the gateway. */
function hasRules(
  { pod, plan }: Inside,
  { family, gateway, defaults }: {
    readonly family: 4 | 6;
    readonly gateway: string;
    readonly defaults: readonly SeenRoute[];
  },
): boolean {
  const mine = plan.addresses.map((it) => parseInterfaceAddress(it).address)
    .filter((address) => address.family === family);
  return mine.every((address) =>
    pod.rules.some(({ from, table }) =>
      formatAddress(parseAddress(from.replace(/\/.*/, ""))) === formatAddress(address) &&
      defaults.some((route) =>
        route.table === table && route.device === plan.ifname && isBy(route, gateway)
      )
    )
  );
}

/** Whether a network that was changed since had its routes when the pod was made, nobody knows. */
function checkRoutes(inside: Inside): void {
  const { pod, plan, unit } = inside;
  const changed = Number(unit.expected.network?.metadata.resourceVersion ?? 0);
  if (changed > unit.attachment.createRevision) return;
  for (const { destination, gateway } of plan.routes) {
    const to = formatPrefix(parsePrefix(destination));
    const there = pod.routes.some((route) =>
      route.destination === to && route.device === plan.ifname &&
      (gateway === undefined || isBy(route, gateway))
    );
    if (there) continue;
    const line = podLines(plan, { defaultRoute: inside.ownsDefault }).find((it) =>
      it.startsWith(`route add ${to} `)
    );
    report(inside, POD_KINDS.routeMissing, {
      detail: `there is no route to ${to} by ${gateway ?? plan.ifname}`,
      says: `no route to ${to}`,
      steps: [`add the route to ${to}`],
      lines: line === undefined ? [] : [line],
      undo: [`ip route del ${to} dev ${plan.ifname}`],
    });
  }
}

function checkOffload(inside: Inside): void {
  const { pod, plan, unit } = inside;
  if (pod.txOffload !== true || unit.expected.needs?.txOffload !== false) return;
  report(inside, POD_KINDS.offload, {
    detail: `${plan.ifname} leaves checksums to the hardware, and the datapath is in user space`,
    says: "tx-checksumming is on",
    steps: ["switch tx offload off"],
    script: `ethtool -K "$1" tx off >/dev/null`,
    undo: [`ethtool -K ${plan.ifname} tx on`],
  });
}

function checkLimit(inside: Inside): void {
  const { pod, plan, unit } = inside;
  const wanted = unit.expected.record.bandwidth?.egress;
  const limit = pod.limits.get(plan.ifname);
  if (wanted === undefined || limit?.rate === wanted) return;
  const { rate, burst, limit: queue } = shaperOf(wanted);
  report(inside, POD_KINDS.limit, {
    detail: `${plan.ifname} sends ${
      limit?.rate ?? "without a limit"
    }, ${wanted} bit/s are recorded`,
    says: `queue ${limit?.kind ?? "unknown"}`,
    steps: [`limit what the pod sends to ${wanted} bit/s`],
    script: `tc qdisc replace dev "$1" root tbf rate ${rate}bit burst ${burst} limit ${queue}`,
    undo: [`tc qdisc del dev ${plan.ifname} root`],
  });
}
