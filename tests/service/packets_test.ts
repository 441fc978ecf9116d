/** Packets of every size and kind through Services: fragments, jumbo frames, errors, many connections. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { addressOf } from "../e2e/records.ts";
import { addServicePod, askSource, serveSource, startServiceBed, translate } from "./bed.ts";
import type { Place } from "../lab/mod.ts";
import { addPod } from "../e2e/by_hand.ts";
import { confFor } from "../e2e/bed.ts";

const FAMILIES = [4, 6] as const;
const clusterIp = (family: 4 | 6) => family === 4 ? "10.96.0.10" : "fd00:96::10";

/** A UDP server that answers each datagram with as many bytes. */
async function echoUdp(place: Place, port: number): Promise<void> {
  const server = place.start([
    "socat",
    "-d",
    "-d",
    "-b65000",
    `UDP6-LISTEN:${port},fork,reuseaddr,ipv6only=0`,
    "EXEC:cat",
  ]);
  await server.until(/listening on/);
}

/** Sends one datagram; how many bytes come back. */
async function askUdp(from: Place, address: string, port: number, size: number): Promise<number> {
  const target = address.includes(":") ? `UDP6:[${address}]` : `UDP4:${address}`;
  for (let i = 0; i < 10; i++) {
    const { stdout } = await from.exec(
      `head -c ${size} /dev/zero | tr '\\0' x | socat -b65000 -t${
        0.3 * 1.5 ** i
      } - ${target}:${port}`,
      { timeoutMs: 60_000 },
    );
    if (stdout.length > 0) return stdout.length;
  }
  return 0;
}

Deno.test("packets of every size pass by a ClusterIP", async (t) => {
  await using lab = await startServiceBed({
    physicalNetworks: [{ name: "prod" }, { name: "jumbo", mtu: 9000 }],
    vlans: [
      { vlan: 100, router: ["10.100.0.1/24", "fd00:100::1/64"] },
      { vlan: 110, router: ["10.110.0.1/24", "fd00:110::1/64"] },
      { vlan: 0, physicalNetwork: "jumbo", router: ["10.90.0.1/24", "fd00:90::1/64"] },
    ],
  });
  const [node, other] = [lab.host(0), lab.host(1)];

  for (const [network, mtu] of [["vlan100", 1500], ["jumbo-vlan0", 9000]] as const) {
    const [client, near, far] = [
      await addServicePod(node, network),
      await addServicePod(node, network),
      await addServicePod(other, network),
    ];
    for (const [where, backend] of [["local", near], ["remote", far]] as const) {
      await echoUdp(backend, 8053);
      await using _server = await serveSource(backend, 8080);
      await translate(
        node,
        (await Promise.all(FAMILIES.map(async (family) => {
          const to = { address: clusterIp(family), backend: await addressOf(backend, family) };
          return [
            { ...to, protocol: "udp" as const, port: 53, backendPort: 8053 },
            { ...to, port: 80, backendPort: 8080 },
          ];
        }))).flat(),
      );
      for (const family of FAMILIES) {
        await t.step(`MTU ${mtu}, IPv${family}, ${where} backend: fragments of UDP`, async () => {
          for (const size of [1, mtu - 100, mtu + 1, 4 * mtu]) {
            assertEquals(await askUdp(client, clusterIp(family), 53, size), size, `${size} bytes`);
          }
          // Directly, past the node, fragments pass as well.
          assertEquals(
            await askUdp(client, await addressOf(backend, family), 8053, 4 * mtu),
            4 * mtu,
          );
        });
        await t.step(`MTU ${mtu}, IPv${family}, ${where} backend: TCP`, async () => {
          assertEquals(
            await askSource(client, clusterIp(family), 80),
            await addressOf(client, family),
          );
          const big = 3_000_000;
          const target = family === 6 ? `TCP6:[${clusterIp(6)}]:80` : `TCP4:${clusterIp(4)}:80`;
          const { stdout } = await client.exec(
            `head -c ${big} /dev/zero | tr '\\0' x | socat -t30 - ${target} | wc -c`,
            { timeoutMs: 90_000 },
          );
          assert(Number(stdout) > big, `${stdout} bytes came back`);
        });
      }
    }
    assertMatch(await node.execOk("ip -o link"), new RegExp(`svc\\d+-.{4}@.* mtu ${mtu} `));
  }

  await t.step("errors of a backend reach the client as errors of the Service", async () => {
    const client = await addServicePod(node);
    const backend = await addServicePod(other);
    for (const family of FAMILIES) {
      await translate(node, [{
        address: clusterIp(family),
        protocol: "udp",
        port: 53,
        backend: await addressOf(backend, family),
        backendPort: 9,
      }]);
      const target = family === 6 ? `UDP6:[${clusterIp(6)}]:53` : `UDP4:${clusterIp(4)}:53`;
      const { stderr } = await client.exec(
        `for n in $(seq 30); do echo $n || break; sleep 0.5; done | socat -t1 - ${target}`,
        { timeoutMs: 60_000 },
      );
      assertMatch(stderr, /Connection refused/);
    }
  });

  await t.step("addresses and MACs need not belong together", async () => {
    // In a network where nobody is given one of these addresses by chance.
    const make = (host: typeof node, last: number) =>
      addPod(host, {
        conf: confFor("vlan110", {
          runtimeConfig: {
            ips: [`10.110.0.${last}/24`, `fd00:110::beef:${last}/64`],
            mac: `02:00:5e:10:00:${last}`,
          },
        }),
      });
    const [client, near, far] = [await make(node, 61), await make(node, 62), await make(other, 63)];
    for (const backend of [near, far]) {
      await using _server = await serveSource(backend, 8080);
      for (const family of FAMILIES) {
        await translate(node, [{
          address: clusterIp(family),
          port: 80,
          backend: await addressOf(backend, family),
          backendPort: 8080,
        }]);
        assertEquals(
          await askSource(client, clusterIp(family), 80),
          await addressOf(client, family),
        );
      }
    }
  });

  await t.step("hundreds of connections in a row, and none clashes with direct ones", async () => {
    const client = await addServicePod(node);
    const backend = await addServicePod(other);
    await using _server = await serveSource(backend, 8080);
    const direct = await addressOf(backend, 4);
    await translate(node, [
      { address: clusterIp(4), port: 80, backend: direct, backendPort: 8080 },
    ]);
    const script = `import socket
seen = set()
for i in range(200):
    for to in (("${clusterIp(4)}", 80), ("${direct}", 8080)):
        with socket.create_connection(to, 20) as s:
            seen.add(s.getsockname()[1] < 49152)
            s.sendall(b"x\\n"); s.shutdown(socket.SHUT_WR)
            text = b""
            while chunk := s.recv(4096): text += chunk
            assert text.endswith(b"x\\n"), text
print(seen)`;
    assertEquals(
      (await client.execOk(["python3", "-c", script], { timeoutMs: 120_000 })).trim(),
      "{True}",
    );
  });
});
