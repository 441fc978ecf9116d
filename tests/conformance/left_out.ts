/**
 * Which tests of Kubernetes' network group are not run, and why.
 *
 * @module
 */

/** Tests are found by their name; the first that fits tells the reason. */
const LEFT_OUT: readonly { readonly tests: RegExp; readonly reason: string }[] = [
  { tests: /sctp/i, reason: "the kernel of the test machine has no SCTP" },
  { tests: /\[Feature:NetworkPolicy\]/, reason: "fabric does not enforce NetworkPolicy" },
  { tests: /\[Feature:LoadBalancer\]/, reason: "needs load balancers of a cloud" },
  { tests: /\[Provider:gce/, reason: "for one cloud" },
  {
    tests: /\[Feature:Networking-(IPv4|IPv6|DNS)\]|Forward PTR lookup/,
    reason: "needs the Internet, which a closed network does not have",
  },
  {
    tests: /\[Feature:LocalhostNodePorts\]|\[Feature:KubeProxyNFAcct\]/,
    reason: "NodePorts of 127.0.0.1 exist with kube-proxy's iptables mode and IPv4 only",
  },
  {
    tests: /\[Feature:PerformanceDNS\]/,
    reason: "measures, with 10,000 Services",
  },
  {
    tests: /\[Feature:Networking-Performance\]/,
    reason: "measures, with an iperf that writes other columns than Debian's",
  },
  {
    tests: /should set TCP CLOSE_WAIT timeout/,
    reason:
      "looks for the connection at the client's node, which it does not pass: it goes by the VLAN",
  },
  { tests: /\[Disruptive\]/, reason: "restarts parts of the cluster over SSH" },
];

/** Why a test is not run; undefined: it is. */
export function whyLeftOut(test: string): string | undefined {
  return LEFT_OUT.find(({ tests }) => tests.test(test))?.reason;
}
