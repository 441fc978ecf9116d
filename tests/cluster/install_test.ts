/** A cluster that gets its network by the shipped manifests: installed, upgraded, taken away. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import * as v from "valibot";
import { eventually, manifest, requireOk } from "../lab/mod.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { API_ADDRESS, CLUSTER_DIR } from "./control_plane.ts";
import { untilTold } from "./events.ts";
import { DEPLOY, helm } from "./helm.ts";
import { FABRIC_IMAGE, fabricArchive } from "./images.ts";
import { type ClusterNode, untilNodeReady } from "./node.ts";
import { podsOf } from "./pods.ts";
import { rolledOut, untilPods } from "./rollouts.ts";
import { barePod, deployment } from "./workloads.ts";

const SYSTEM = "--namespace=kube-system";

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

/** What the kernel says of the processes that are the containers of an app's Pod on a node. */
async function processesOf(
  cluster: Cluster,
  { host, ctr }: ClusterNode,
  app: string,
): Promise<readonly string[]> {
  const ids = await cluster.kubectl(
    "get",
    "pods",
    SYSTEM,
    `--selector=app=${app}`,
    `--field-selector=spec.nodeName=${host.plan.name}`,
    "-o=jsonpath={.items[*].status['containerStatuses','initContainerStatuses'][?(@.state.running)].containerID}",
  );
  const tasks = (await ctr("tasks", "ls")).split("\n").map((line) => line.split(/\s+/));
  return await Promise.all(
    ids.split(" ").map(async (id) => {
      const [, pid] = tasks.find(([name]) => name === id.replace("containerd://", "")) ?? [];
      assert(pid !== undefined, `${id} is no task of ${host.plan.name}`);
      return await host.execOk(`cat /proc/${pid}/status; grep ' / / ' /proc/${pid}/mountinfo`);
    }),
  );
}

const Claims = v.object({
  "kubernetes.io": v.object({ pod: v.object({ name: v.string(), uid: v.string() }) }),
});
const Kubeconfig = v.object({
  users: v.tuple([v.object({ user: v.object({ token: v.string() }) })]),
});

/** The token in a node's kubeconfig, and the Pod that it is bound to. */
async function tokenOf({ host }: ClusterNode) {
  const { users: [{ user: { token } }] } = v.parse(
    Kubeconfig,
    JSON.parse(await host.readFile("/etc/fabric/kubeconfig")),
  );
  const claims = Uint8Array.fromBase64(token.split(".")[1] ?? "", { alphabet: "base64url" });
  const { "kubernetes.io": { pod } } = v.parse(
    Claims,
    JSON.parse(new TextDecoder().decode(claims)),
  );
  return { token, pod: pod.name };
}

/** HTTP status that a token gets from the API server. */
async function answerTo({ lab }: Cluster, token: string): Promise<string> {
  return await lab.management.execOk(
    `curl --silent --output /dev/null --write-out '%{http_code}' --cacert ${CLUSTER_DIR}/ca.crt ` +
      `--header @- https://${API_ADDRESS}:6443/api/v1/namespaces/default`,
    { input: `Authorization: Bearer ${token}\n` },
  );
}

Deno.test("the shipped manifests make a cluster's network, and take it away again", async (t) => {
  await using cluster = await startCluster({ install: "none", patient: true });
  const { lab, plane, nodes } = cluster;
  const [first] = nodes;
  assert(first !== undefined);
  const archive = await fabricArchive();
  await Promise.all(nodes.map((node) => node.ctr("images", "import", archive)));
  const values = valuesFor(cluster);
  const server = await lab.addServer({ vlan: 100, addresses: ["10.100.0.10/24"] });

  await t.step("the API server accepts every object of chart and kustomization", async () => {
    const variants = [
      values,
      { ...values, ctl: { enabled: false } },
      {
        ...values,
        image: { ...values.image, pullSecrets: ["registry"] },
        ctl: { tolerations: [{ operator: "Exists" }], server: { anonymous: "viewer" } },
      },
    ];
    const dryRun = ["apply", "--dry-run=server", "--output=name"];
    for (const variant of variants) {
      const input = await helm(cluster, "template", variant);
      assertMatch(await plane.kubectl([...dryRun, "-f-"], { input }), /daemonset.*fabric-node/);
    }
    const kustomized = await plane.kubectl([...dryRun, "-k", DEPLOY]);
    assertMatch(kustomized, /deployment.*fabric-ctl/);
    assertEquals(await plane.kubectl(["get", "daemonsets", SYSTEM, "--output=name"]), "");
  });

  await t.step("installed, the nodes become Ready and Pods get their addresses", async () => {
    await helm(cluster, "install", values);
    await rolledOut(cluster, "daemonset/fabric-node", "kube-system");
    const objects = manifest(lab.plan).map((it) => JSON.stringify(it)).join("\n---\n");
    // Without its default network a node says that it is not ready for Pods.
    requireOk(await lab.host(0).admin(["apply", "-f", "-"], { input: objects }));
    await Promise.all(lab.hosts.map(({ plan }) => untilNodeReady(plane, plan.name)));
    await cluster.apply(deployment("web", { replicas: 2 }));
    await rolledOut(cluster, "deployment/web");
    for (const { ip = "" } of await podsOf(cluster, "web")) {
      assertMatch(ip, /^10\.100\.0\./);
      assert(await server.reaches(ip, { withinMs: 60_000 }), ip);
    }
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

  await t.step("the server is ready, with TLS, and one of two may always go", async () => {
    const [cert, key] = await Promise.all(
      ["crt", "key"].map((end) =>
        lab.management.execOk(["cat", `${CLUSTER_DIR}/apiserver.${end}`])
      ),
    );
    await cluster.apply({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "fabric-ctl-tls", namespace: "kube-system" },
      type: "kubernetes.io/tls",
      stringData: { "tls.crt": cert, "tls.key": key },
    });
    await rolledOut(cluster, "deployment/fabric-ctl", "kube-system");
    for (const { plan } of lab.hosts) {
      const url = `https://${plan.management.v4}:8443/readyz`;
      await lab.management.execOk(`curl --silent --fail --insecure ${url}`);
    }
    const names = (await cluster.kubectl("get", "pods", SYSTEM, "-l=app=fabric-ctl", "-o=name"))
      .trim().split("\n").map((name) => name.replace("pod/", ""));
    assertEquals(names.length, 2);
    const evict = (name: string) => {
      const path = `/api/v1/namespaces/kube-system/pods/${name}/eviction?dryRun=All`;
      const metadata = { name, namespace: "kube-system" };
      const input = JSON.stringify({ apiVersion: "policy/v1", kind: "Eviction", metadata });
      return plane.kubectl(["create", `--raw=${path}`, "-f-"], { input });
    };
    await evict(names[0] ?? "");
    const budget = ["get", "pdb", "fabric-ctl", SYSTEM];
    assertEquals(await plane.kubectl([...budget, "-o=jsonpath={.status.disruptionsAllowed}"]), "1");
  });

  const workloads = () => lab.host(0).admin(["get", "workloads"]).then(requireOk);
  await t.step("a workload with addresses of its own comes and goes", async () => {
    const reclaim = { "beyondfabric.io/reclaim": "immediately" };
    const annotations = { "beyondfabric.io/fixed": "true", ...reclaim };
    await cluster.apply(deployment("brief", { annotations }));
    await rolledOut(cluster, "deployment/brief");
    assertMatch(await workloads(), /brief/);
    await cluster.kubectl("delete", "deployment", "brief", "--cascade=background");
  });

  await t.step("nothing of it has a capability, and the server is nobody", async () => {
    for (const node of nodes) {
      const keepers = await processesOf(cluster, node, "fabric-node");
      const servers = await processesOf(cluster, node, "fabric-ctl");
      assertEquals([keepers.length, servers.length], [1, 2]);
      for (const status of [...keepers, ...servers]) {
        assertMatch(status, /^Name:\s+fabric/m);
        assertMatch(status, /^CapEff:\s+0+$/m);
        assertMatch(status, /^CapBnd:\s+0+$/m);
        assertMatch(status, /^NoNewPrivs:\s+1$/m);
        assertMatch(status, /^Seccomp:\s+2$/m);
        assertMatch(status, / \/ \/ ro,/);
      }
      for (const status of servers) {
        assertMatch(status, /^Uid:\s+65532\s+65532\s/m);
        assertMatch(status, /^Gid:\s+65532\s+65532\s/m);
      }
    }
  });

  await t.step("an upgrade lets Pods that run alone, and new ones start all the time", async () => {
    const before = await podsOf(cluster, "web");
    const old = await tokenOf(first);
    assertEquals(await answerTo(cluster, old.token), "200");
    await helm(cluster, "upgrade", {
      ...values,
      config: { ...values.config, log: { level: "debug" } },
      ctl: { server: { ...values.ctl.server, rate: { perSecond: 100 } } },
    });
    let over = false;
    const upgrade = rolledOut(cluster, "daemonset/fabric-node", "kube-system")
      .finally(() => over = true);
    for (let started = 0; !over && started < 10; started++) {
      const name = `during-${started}`;
      const pod = barePod(name, { pod: { restartPolicy: "Never" } });
      await cluster.apply(pod);
      await cluster.kubectl("wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s");
      await cluster.kubectl("delete", "pod", name, "--wait=false");
    }
    await upgrade;
    // Each replica of the server has one of the two nodes: none is left for a third.
    await rolledOut(cluster, "deployment/fabric-ctl", "kube-system");
    assertEquals(await podsOf(cluster, "web"), before);
    for (const { host } of nodes) {
      assertMatch(await host.readFile("/etc/fabric/config.yaml"), /level: debug/);
    }
    const failed = "--field-selector=reason=FailedCreatePodSandBox";
    const events = (await cluster.kubectl("get", "events", failed, "-o=name")).trim();
    assertEquals(events, "");
    const next = await tokenOf(first);
    assertNotEquals(next.pod, old.pod);
    await eventually(
      "the token of the Pod that is gone has ended",
      async () => await answerTo(cluster, old.token) === "401",
      { timeoutMs: 60_000 },
    );
    assertEquals(await answerTo(cluster, next.token), "200");
  });

  await t.step("without the DaemonSet Pods run on, and new ones say what is missing", async () => {
    const web = await podsOf(cluster, "web");
    await cluster.kubectl("delete", "daemonset/fabric-node", SYSTEM, "--cascade=foreground");
    await cluster.apply(deployment("late"));
    const [late] = await untilPods(cluster, "late", ([pod]) => pod?.node !== undefined);
    await untilTold(cluster, late?.name ?? "", /Kubernetes.*(401|Unauthorized)/i);
    for (const { ip } of web) assert(await server.reaches(ip ?? "", { withinMs: 60_000 }), ip);
    await helm(cluster, "upgrade", values);
    await rolledOut(cluster, "deployment/late");
    assertEquals(await podsOf(cluster, "web"), web);
  });

  await t.step("the server has ended the ownership of the workload that went", async () => {
    await eventually("its addresses are free", async () => !/brief/.test(await workloads()), {
      timeoutMs: 120_000,
    });
  });

  await t.step("taken away in order, nothing of it is left on a node", async () => {
    await cluster.kubectl("delete", "deployments", "--all", "--wait", "--cascade=foreground");
    await helm(cluster, "uninstall");
    await plane.kubectl([
      "wait",
      "--for=delete",
      "pods",
      "-l=app in (fabric-node,fabric-ctl)",
      SYSTEM,
    ]);
    const left = ["get", "all,clusterroles,clusterrolebindings,serviceaccounts,configmaps,pdb"];
    const objects = await plane.kubectl([...left, SYSTEM, "--output=name"]);
    assert(!/fabric/.test(objects), objects);
    for (const { host } of nodes) {
      requireOk(await host.exec(["/opt/cni/bin/fabric", "uninstall"]));
      const files = await host.execOk("ls -A /etc/cni/net.d; ls /opt/cni/bin | grep fabric || :");
      assertEquals(files.trim(), "");
    }
  });
});
