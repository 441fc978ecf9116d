/** A cluster that gets its network by the shipped manifests: installed, upgraded, taken away. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { stringify } from "yaml";
import { manifest, requireOk } from "../lab/mod.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { API_ADDRESS, CLUSTER_DIR } from "./control_plane.ts";
import { FABRIC_IMAGE, fabricArchive } from "./images.ts";
import { untilNodeReady } from "./node.ts";
import { podsOf } from "./pods.ts";
import { rolledOut } from "./rollouts.ts";
import { deployment } from "./workloads.ts";

const CHART = new URL("../../deploy/chart", import.meta.url).pathname;
const HELM = new URL("../../.cache/tools/helm", import.meta.url).pathname;

async function render(values: unknown): Promise<string> {
  const child = new Deno.Command(HELM, {
    args: ["template", "fabric", CHART, "--namespace=kube-system", "--kube-version=1.37.0", "-f-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stringify(values)));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

function valuesFor(cluster: Cluster) {
  return {
    image: { ...FABRIC_IMAGE, pullPolicy: "Never" },
    apiServer: `https://${API_ADDRESS}:6443`,
    config: {
      cluster: cluster.plane.uid,
      zone: "zone1",
      defaultNetwork: ["vlan100"],
      physicalNetworks: { prod: { bridge: "br-prod" } },
      etcd: { endpoints: cluster.lab.etcd.endpoints },
      kubernetes: { kubeconfig: "/etc/fabric/kubeconfig" },
    },
    ctl: { server: { access: [] } },
  };
}

Deno.test("the shipped manifests make a cluster's network, and take it away again", async (t) => {
  await using cluster = await startCluster({ install: "none" });
  const { lab, plane, nodes } = cluster;
  const [first] = nodes;
  assert(first !== undefined);
  const archive = await fabricArchive();
  await Promise.all(nodes.map((node) => node.ctr("images", "import", "--digests=false", archive)));
  const values = valuesFor(cluster);
  const input = await render(values);

  await t.step("installed, the nodes become Ready and Pods get their addresses", async () => {
    await plane.kubectl(["apply", "--filename=-"], { input });
    await rolledOut(cluster, "daemonset/fabric-node", "kube-system");
    const objects = manifest(lab.plan).map((it) => JSON.stringify(it)).join("\n---\n");
    // Without its default network a node says that it is not ready for Pods.
    requireOk(await lab.host(0).admin(["apply", "-f", "-"], { input: objects }));
    await Promise.all(lab.hosts.map(({ plan }) => untilNodeReady(plane, plan.name)));
    await cluster.apply(deployment("web", { replicas: 2 }));
    await rolledOut(cluster, "deployment/web");
    for (const { ip } of await podsOf(cluster, "web")) assertMatch(ip ?? "", /^10\.100\.0\./);
  });

  await t.step("what it put on a node is the node's, and secret where it must be", async () => {
    const said = await first.host.execOk(
      "stat -c '%n %a %u' /etc/fabric/* /opt/cni/bin/fabric /etc/cni/net.d/* /run/fabric/kubernetes/* " +
        "/run/fabric; cat /etc/fabric/config.yaml",
    );
    assertMatch(said, /door\.sock 600 0\n/);
    assertMatch(said, /\/run\/fabric 700 0\n/);
    assertMatch(said, /kubeconfig 600 0\n/);
    assertMatch(said, /10-fabric\.conflist 644 0\n/);
    assertMatch(said, /\nnode: host1\n/);
  });

  await t.step("nothing of it has a capability", async () => {
    const pods = await Promise.all(nodes.map(async ({ host, ctr }) => {
      const id = await cluster.kubectl(
        "get",
        "pods",
        "--namespace=kube-system",
        "--selector=app=fabric-node",
        `--field-selector=spec.nodeName=${host.plan.name}`,
        "-o=jsonpath={.items[*].status.containerStatuses[*].containerID}",
      );
      const tasks = (await ctr("tasks", "ls")).split("\n").map((line) => line.split(/\s+/));
      const [, pid] = tasks.find(([name]) => name === id.replace("containerd://", "")) ?? [];
      assert(pid !== undefined, `${id} is no task of ${host.plan.name}`);
      return await host.execOk(["cat", `/proc/${pid}/status`]);
    }));
    for (const status of pods) {
      assertMatch(status, /^Name:\s+fabric$/m);
      assertMatch(status, /^CapEff:\s+0+$/m);
      assertMatch(status, /^CapBnd:\s+0+$/m);
      assertMatch(status, /^NoNewPrivs:\s+1$/m);
    }
  });

  await t.step("the server is ready, with TLS, as nobody", async () => {
    const [cert, key] = await Promise.all(
      ["crt", "key"].map((end) =>
        lab.management.execOk(["cat", `${CLUSTER_DIR}/apiserver.${end}`])
      ),
    );
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "fabric-ctl-tls", namespace: "kube-system" },
      type: "kubernetes.io/tls",
      stringData: { "tls.crt": cert, "tls.key": key },
    };
    await cluster.apply(secret);
    await rolledOut(cluster, "deployment/fabric-ctl", "kube-system");
    const answer = await lab.management.execOk(
      `curl --silent --insecure https://${lab.plan.hosts[0]?.management.v4}:8443/readyz`,
    );
    assertMatch(answer, /ok|ready/i);
  });

  await t.step("an upgrade lets Pods that run alone", async () => {
    const before = await podsOf(cluster, "web");
    await cluster.kubectl("rollout", "restart", "daemonset/fabric-node", "-n", "kube-system");
    await rolledOut(cluster, "daemonset/fabric-node", "kube-system");
    assertEquals(await podsOf(cluster, "web"), before);
  });

  await t.step("taken away in order, nothing of it is left on a node", async () => {
    await cluster.kubectl("delete", "deployment", "web", "--wait", "--cascade=foreground");
    await plane.kubectl(["delete", "--wait", "--filename=-"], { input, timeoutMs: 120_000 });
    for (const { host } of nodes) {
      requireOk(await host.exec(["/opt/cni/bin/fabric", "uninstall"]));
      const left = await host.execOk("ls -A /etc/cni/net.d; ls /opt/cni/bin | grep fabric || :");
      assertEquals(left.trim(), "");
    }
  });
});
