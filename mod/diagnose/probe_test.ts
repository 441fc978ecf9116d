import { assertEquals } from "@std/assert";
import { answers, parsePing } from "./probe.ts";

const origin = { netns: "/run/netns/a", ifname: "eth0", source: "10.0.0.5", family: 4 } as const;
const asked = { origin, target: "10.0.0.1" };

Deno.test("parsePing() reads the time of an answer", () => {
  const heard = parsePing(
    `=ping
PING 10.0.0.1 (10.0.0.1) from 10.0.0.5 : 56(84) bytes of data.
64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.312 ms
=code 0
`,
    asked,
  );
  assertEquals([heard.pingMs, heard.by, answers(heard), heard.failure], [
    0.312,
    "ping",
    true,
    undefined,
  ]);
  assertEquals(heard.proof, "nsenter --net=/run/netns/a -- ping -c3 -I 10.0.0.5 10.0.0.1");
});

Deno.test("parsePing() reads who refused, and that nobody answered ARP", () => {
  const heard = parsePing(
    `=ping
From 10.0.0.5 icmp_seq=1 Destination Host Unreachable
From 10.0.0.5 icmp_seq=2 Destination Host Unreachable
2 packets transmitted, 0 received
=code 1
=arping
ARPING 10.0.0.1 from 10.0.0.5 eth0
Sent 2 probes (2 broadcast(s))
Received 0 response(s)
`,
    asked,
  );
  assertEquals(heard.refusals, [{ from: "10.0.0.5", says: "Destination Host Unreachable" }]);
  assertEquals([heard.macs, answers(heard)], [[], false]);
  assertEquals(
    heard.proof,
    "nsenter --net=/run/netns/a -- arping -c3 -I eth0 -s 10.0.0.5 10.0.0.1",
  );
});

Deno.test("parsePing() names every machine that answers ARP", () => {
  const heard = parsePing(
    `=ping
=code 1
=arping
Unicast reply from 10.0.0.1 [02:00:00:00:00:0A]  0.6ms
Unicast reply from 10.0.0.1 [02:00:00:00:00:0b]  0.7ms
Unicast reply from 10.0.0.1 [02:00:00:00:00:0A]  0.6ms
`,
    asked,
  );
  assertEquals(heard.macs, ["02:00:00:00:00:0a", "02:00:00:00:00:0b"]);
});

Deno.test("parsePing() believes the kernel's table only where the answer is new", () => {
  const state = "10.0.0.1 dev eth0 lladdr 02:00:00:00:00:0a REACHABLE";
  const fresh = parsePing(`=ping\n=code 1\n=neighbours\n${state}\n`, asked);
  assertEquals([fresh.macs, fresh.failure], [["02:00:00:00:00:0a"], undefined]);
  const old = parsePing(`=ping\n=code 1\n=neighbours\ntrusted\n${state}\n`, asked);
  assertEquals([old.macs, typeof old.failure], [[], "string"]);
  const failed = parsePing("=ping\n=code 1\n=neighbours\n10.0.0.1 dev eth0 FAILED\n", asked);
  assertEquals([failed.macs, failed.failure], [[], undefined]);
});

Deno.test("parsePing() tells that ping itself could not", () => {
  const heard = parsePing("=ping\nsh: 1: ping: not found\n=code 127\n", asked);
  assertEquals([heard.failure, answers(heard)], ["sh: 1: ping: not found", false]);
});
