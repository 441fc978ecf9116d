import { assert, assertEquals } from "@std/assert";
import { parse } from "yaml";
import { allocate } from "../../mod/ipam/allocate.ts";
import { addRequest, applyNetwork } from "../ipam_fixture.ts";
import { startAll } from "./server_fixture.ts";

const DOCS = new URL("../../docs/monitoring/", import.meta.url);

/** Names of figures in an expression. */
function figuresOf(expression: string): readonly string[] {
  return [...expression.matchAll(/\bfabric_[a-z_]+/g)].map(([name]) => name);
}

Deno.test("figures of health, of etcd and of networks are there, and dashboard and alerts use no others", async () => {
  await using all = await startAll();
  const { ask, context } = all;
  await applyNetwork(context, "pods", { vlan: 1, subnets: [{ cidr: "10.1.0.0/29" }] });
  await allocate(context, addRequest("c1"));
  await ask("/api/v1/networks");
  const { status, text, headers } = await ask("/metrics");
  assertEquals(status, 200);
  assert(headers.get("content-type")?.startsWith("text/plain; version=0.0.4"));
  assert(text.includes('fabric_network_addresses{network="pods",state="used"} 1'), text);
  assert(/^fabric_network_utilisation\{network="pods"\} 0\.1\d*$/m.test(text), text);
  assert(/^fabric_etcd_seconds_count\{method="range"\} [1-9]/m.test(text));
  assert(
    /^fabric_http_requests_total\{route="listNetworks",method="GET",status="200"\} 1$/m.test(text),
  );
  // Prometheus reads a line as a name, labels and a number, and every name has its type.
  const typed = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name));
  for (const line of text.split("\n").filter((one) => one !== "" && !one.startsWith("#"))) {
    const [, name = ""] = /^([a-z_]+)(?:\{[^{}]*\})? [0-9.e+-]+$/.exec(line) ?? [];
    assert(typed.has(name) || typed.has(name.replace(/_(bucket|sum|count)$/, "")), line);
  }
  const rules = parse(await Deno.readTextFile(new URL("alerts.yaml", DOCS)));
  const board = JSON.parse(await Deno.readTextFile(new URL("grafana.json", DOCS)));
  const expressions: readonly string[] = [
    ...rules.groups.flatMap((group: { rules: { expr: string }[] }) =>
      group.rules.map(({ expr }) => expr)
    ),
    ...board.panels.flatMap((panel: { targets: { expr: string }[] }) =>
      panel.targets.map(({ expr }) => expr)
    ),
  ];
  // Counted only when they happen.
  const rare = ["fabric_etcd_errors_total", "fabric_audit_lost_total"];
  const unknown = expressions.flatMap(figuresOf).filter((name) =>
    !rare.includes(name) && !typed.has(name) && !typed.has(name.replace(/_(bucket|sum|count)$/, ""))
  );
  assertEquals(unknown, []);
});
