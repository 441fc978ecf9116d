/** What breaks at the target. */

import { type Break, breaksTest, scripts, toServer } from "./breaks.ts";

const BREAKS: readonly Break[] = [
  {
    what: "the target is down",
    layer: "target",
    says: /10\.200\.0\.10 .*(Destination Host Unreachable|does not answer)/,
    args: toServer,
    ...scripts(({ server }) => server, () => ["ip link set eth0 down", "ip link set eth0 up"]),
    mend: ({ server }) =>
      server.execOk(`ip link set eth0 up; ip route replace default via 10.200.0.1
        ip -6 route replace default via fd00:200::1`),
  },
  {
    what: "the target's firewall refuses",
    layer: "target",
    says: /a firewall refuses packets for 10\.200\.0\.10, says 10\.200\.0\.10/,
    args: toServer,
    ...scripts(({ server }) => server, () => [
      `nft 'add table inet t; add chain inet t i { type filter hook input priority 0; }
        add rule inet t i ip protocol icmp reject with icmp type admin-prohibited'`,
      "nft delete table inet t",
    ]),
  },
  {
    what: "the target's firewall drops one port",
    layer: "target",
    says: /10\.200\.0\.10 is there \(it answers ping\), but TCP to port 443 is dropped/,
    args: () => ["--to", "10.200.0.10:443"],
    ...scripts(({ server }) => server, () => [
      `nft 'add table inet t; add chain inet t i { type filter hook input priority 0; }
        add rule inet t i tcp dport 443 drop'`,
      "nft delete table inet t",
    ]),
  },
  {
    what: "nothing listens at the target",
    layer: "target",
    says: /10\.200\.0\.10 refuses TCP connections to port 443/,
    args: () => ["--to", "10.200.0.10:443"],
    break: () => Promise.resolve(),
    mend: () => Promise.resolve(),
  },
  {
    what: "a target in the same VLAN drops ping",
    layer: "target",
    says: /\(pod web\/c on node host2\) is there \(it answers arping\), but no ping/,
    args: () => ["--to", "web/c"],
    ...scripts(({ c }) => c, () => [
      `nft 'add table inet t; add chain inet t i { type filter hook input priority 0; }
        add rule inet t i ip protocol icmp drop'`,
      "nft delete table inet t",
    ]),
  },
];

Deno.test(
  "diagnose tells a target that is down from one behind a firewall",
  breaksTest({
    breaks: BREAKS,
    sound: ["10.200.0.10", "fd00:200::10", "web/c"],
  }),
);
