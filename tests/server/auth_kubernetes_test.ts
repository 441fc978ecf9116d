/** Tokens of a real Kubernetes API server, reviewed by it. */

import { assert, assertEquals } from "@std/assert";
import * as v from "valibot";
import { startIpam } from "../ipam_fixture.ts";
import { startKube } from "../kube_fixture.ts";
import { startServer } from "./server_fixture.ts";

const TokenSchema = v.object({ status: v.object({ token: v.string() }) });

Deno.test("a service account's token is reviewed by its cluster, for its audience, and gets its rule's role", async () => {
  const users = { reviewer: [], alice: ["net-ops"] };
  await using stack = new AsyncDisposableStack();
  const [ipam, kube] = await Promise.all([startIpam(), startKube({ users })]);
  stack.use(ipam);
  stack.use(kube);
  const group = "rbac.authorization.k8s.io";
  const apiVersion = `${group}/v1`;
  await kube.create(`/apis/${apiVersion}/clusterroles`, {
    apiVersion,
    kind: "ClusterRole",
    metadata: { name: "fabric-reviewer" },
    rules: [{
      apiGroups: ["authentication.k8s.io"],
      resources: ["tokenreviews"],
      verbs: ["create"],
    }],
  });
  await kube.create(`/apis/${apiVersion}/clusterrolebindings`, {
    apiVersion,
    kind: "ClusterRoleBinding",
    metadata: { name: "fabric-reviewer" },
    roleRef: { apiGroup: group, kind: "ClusterRole", name: "fabric-reviewer" },
    subjects: [{ apiGroup: group, kind: "User", name: "reviewer" }],
  });
  await kube.create("/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "ci" },
  });
  for (const name of ["deployer", "stranger"]) {
    await kube.create("/api/v1/namespaces/ci/serviceaccounts", {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name },
    });
  }
  const tokenOf = async (name: string, audience: string) => {
    const answer = await kube.create(`/api/v1/namespaces/ci/serviceaccounts/${name}/token`, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences: [audience], expirationSeconds: 600 },
    });
    return v.parse(TokenSchema, answer).status.token;
  };
  const kubeconfig = await kube.writeKubeconfig("reviewer");
  await using server = await startServer(ipam.etcd, {
    kubernetes: { kubeconfig, audiences: ["fabric"] },
    access: [{
      way: "kubernetes",
      user: "system:serviceaccount:ci:deployer",
      role: "operator",
      tenant: { department: "cards" },
    }],
  });
  const ask = (token: string) =>
    server.ask("/api/v1/whoami", { headers: { authorization: `Bearer ${token}` } });
  const token = await tokenOf("deployer", "fabric");
  // The API server's authoriser follows what was just written.
  for (let i = 0; i < 100 && (await ask(token)).status === 503; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assertEquals((await ask(token)).json, {
    name: "system:serviceaccount:ci:deployer",
    way: "kubernetes",
    role: "operator",
    scope: { department: "cards" },
  });
  assertEquals((await ask(await tokenOf("stranger", "fabric"))).status, 401, "no rule");
  assertEquals((await ask(await tokenOf("deployer", "elsewhere"))).status, 401, "audience");
  assertEquals((await ask(`${token.slice(0, -4)}AAAA`)).status, 401, "signature");
  assertEquals((await ask("not-a-token")).status, 401);
  assert(!server.lines.join("\n").includes(token));

  // What asks has a token, too, which is renewed: the one that the file has now counts.
  for (const [user, status] of [["alice", 503], ["reviewer", 200]] as const) {
    await Deno.writeTextFile(kubeconfig, JSON.stringify(kube.kubeconfig(user)));
    assertEquals((await ask(await tokenOf("deployer", "fabric"))).status, status, user);
  }

  await kube.pause();
  assertEquals((await ask(token)).status, 200, "an answer counts for a few seconds");
  const unknown = await ask(`${token.slice(0, -4)}BBBB`);
  assertEquals(unknown.status, 503, "whose it is cannot be asked");
  kube.resume();
});
