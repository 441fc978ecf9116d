/**
 * A lab whose nodes have the way to Services, with rules of nftables in place of kube-proxy's.
 *
 * @module
 */

import type { EquippedHost, Lab, Place } from "../lab/mod.ts";
import { type BedOptions, confFor, startBed } from "../e2e/bed.ts";
import { addPod, type HandPod } from "../e2e/by_hand.ts";

/** The ranges of ClusterIPs. */
export const SERVICE_CIDRS = ["10.96.0.0/16", "fd00:96::/112"] as const;

/** The node's configuration of Services. */
export const SERVICES = { services: { cidrs: SERVICE_CIDRS } } as const;

export interface ServiceBedOptions extends BedOptions {
  /** Other fields of the nodes' `services`. */
  readonly services?: Readonly<Record<string, unknown>>;
  readonly binary?: string;
}

/** Starts it. */
export async function startServiceBed(options: ServiceBedOptions = {}): Promise<Lab> {
  const { services = {}, binary, ...rest } = options;
  return await startBed({
    ...rest,
    install: () => ({
      config: { services: { ...SERVICES.services, ...services } },
      ...(binary === undefined ? {} : { binary }),
    }),
  });
}

/** A pod of a network. */
export function addServicePod(host: EquippedHost, network = "vlan100"): Promise<HandPod> {
  return addPod(host, { conf: confFor(network) });
}

/** What a Service translates to, as kube-proxy has it. */
export interface Translation {
  /** ClusterIP, or an address of the node for a NodePort. */
  readonly address: string;
  readonly protocol?: "tcp" | "udp";
  readonly port: number;
  readonly backend: string;
  readonly backendPort: number;
  /** Masquerade all, as kube-proxy does for a NodePort of policy Cluster. Default: hairpin alone. */
  readonly masquerade?: boolean;
}

/** Puts rules in place, as kube-proxy in its mode nftables writes them. */
export async function translate(
  host: EquippedHost,
  translations: readonly Translation[],
): Promise<void> {
  const rules = translations.map(
    ({ address, protocol = "tcp", port, backend, backendPort, masquerade = false }) => {
      const six = address.includes(":");
      const [family, to] = six
        ? ["ip6", `[${backend}]:${backendPort}`]
        : ["ip", `${backend}:${backendPort}`];
      const match = `${family} daddr ${address} ${protocol} dport ${port}`;
      const own = masquerade ? "" : `${family} saddr ${backend} `;
      return `${match} ${own}meta mark set meta mark or 0x4000
    ${match} dnat ${family} to ${to}`;
    },
  );
  const text = `add table inet proxy
delete table inet proxy
table inet proxy {
  chain translate {
    ${rules.join("\n    ")}
  }
  chain prerouting { type nat hook prerouting priority -100; jump translate; }
  chain output { type nat hook output priority -100; jump translate; }
  chain postrouting { type nat hook postrouting priority 100;
    meta mark & 0x4000 == 0 return
    meta mark set meta mark xor 0x4000
    masquerade fully-random
  }
}
`;
  await host.execOk(["nft", "-f", "-"], { input: text });
}

/** A server that answers each connection with the address and port that it sees. */
export async function serveSource(place: Place, port: number): Promise<AsyncDisposable> {
  const server = place.start([
    "socat",
    "-d",
    "-d",
    // On a busy machine the answer may come long after the question's end.
    "-t30",
    `TCP6-LISTEN:${port},fork,reuseaddr,ipv6only=0`,
    'SYSTEM:echo "$SOCAT_PEERADDR"; cat',
  ]);
  await server.until(/listening on/);
  return server;
}

/** Connects, and says whom the server saw. */
export async function askSource(from: Place, address: string, port: number): Promise<string> {
  const target = address.includes(":") ? `TCP6:[${address}]` : `TCP4:${address}`;
  const { stdout, code, stderr } = await from.exec(
    ["socat", "-t30", "-", `${target}:${port},connect-timeout=30`],
    { input: "hello\n", timeoutMs: 90_000 },
  );
  const [seen = "", echo] = stdout.trim().split("\n");
  if (code !== 0 || echo !== "hello") return `no answer: ${stderr.trim().split("\n").at(-1)}`;
  return plain(seen);
}

/** The address without the forms that socat gives it. */
function plain(text: string): string {
  const inner = text.replace(/^\[|\]$/g, "");
  const mapped = /^(?:0000:){5}ffff:([0-9a-f]{2})([0-9a-f]{2}):([0-9a-f]{2})([0-9a-f]{2})$/.exec(
    inner,
  );
  if (mapped !== null) return mapped.slice(1).map((part) => parseInt(part, 16)).join(".");
  return new URL(`http://[${inner}]`).hostname.slice(1, -1);
}
