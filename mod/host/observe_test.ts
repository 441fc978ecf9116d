import { assertEquals } from "@std/assert";
import { parseFlow, readFilters, readLimits } from "./observe.ts";

Deno.test("readFilters() tells a chain that drops from one that lets something through", () => {
  const filters = readFilters(`table netdev fabric {
	chain fba {
		type filter hook ingress device "fba" priority -500; policy drop;
	}

	chain fbb {
		type filter hook ingress device "fbb" priority -500; policy drop;
		ether type arp accept
	}

	chain fbc {
		type filter hook ingress priority -500; policy drop;
	}

	chain fbd {
		type filter hook ingress device "fbd" priority -500; policy accept;
	}
}
`);
  assertEquals([...filters.values()], [
    { name: "fba", device: "fba", drops: true },
    { name: "fbb", device: "fbb", drops: false },
    { name: "fbc", device: undefined, drops: true },
    { name: "fbd", device: "fbd", drops: false },
  ]);
  assertEquals(readFilters("").size, 0);
});

Deno.test("readLimits() reads the root queues, and the rate of token buckets in bits", () => {
  const limits = readLimits(JSON.stringify([
    { kind: "tbf", dev: "a", root: true, options: { rate: 125_000, burst: 16_384 } },
    { kind: "noqueue", dev: "b", root: true, options: {} },
    { kind: "fq_codel", dev: "a", parent: "1:", options: {} },
  ]));
  assertEquals(Object.fromEntries(limits), {
    a: { kind: "tbf", rate: 1_000_000 },
    b: { kind: "noqueue", rate: undefined },
  });
});

Deno.test("parseFlow() reads a flow as ovs-ofctl prints it, and nothing else", () => {
  assertEquals(parseFlow("priority=0 actions=NORMAL"), {
    table: 0,
    cookie: "0x0",
    priority: 0,
    match: "",
    actions: "NORMAL",
    inPort: undefined,
  });
  assertEquals(
    parseFlow("cookie=0xfab, table=2, priority=10,ip,in_port=7,nw_dst=10.0.0.1 actions=output:3"),
    {
      table: 2,
      cookie: "0xfab",
      priority: 10,
      match: "ip,in_port=7,nw_dst=10.0.0.1",
      actions: "output:3",
      inPort: 7,
    },
  );
  assertEquals(parseFlow("NXST_FLOW reply (xid=0x4):"), undefined);
});
