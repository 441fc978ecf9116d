/** etcd that is away, and etcd that is not the one it was. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { effort } from "../effort.ts";
import { type EquippedHost, type Lab, requireOk } from "../lab/mod.ts";
import { confFor, startBed } from "./bed.ts";
import { addPod, failureOf, type HandPod, resultOf } from "./by_hand.ts";
import { assertClean, openLabStore } from "./leftovers.ts";
import { addressOf } from "./records.ts";

const CONF = confFor("vlan100");

/** Pings without an end until it is stopped; which numbers were not answered. */
function startTraffic(from: HandPod, to: string): { stop(): Promise<readonly number[]> } {
  const ping = from.start(["ping", "-n", "-i", "0.1", to]);
  return {
    async stop() {
      const text = await ping.stop();
      const answered = new Set([...text.matchAll(/ icmp_seq=(\d+) /g)].map(([, n]) => Number(n)));
      const last = Math.max(0, ...answered);
      assert(last > 50, text);
      return Array.from({ length: last }, (_, i) => i + 1).filter((n) => !answered.has(n));
    },
  };
}

Deno.test("while etcd is away pods go on, ADDs fail by the time set, DELs clean the host", async () => {
  await using lab = await startBed({ hosts: 2 });
  const [near, far] = [lab.host(0), lab.host(1)];
  const [one, other, ends] = await Promise.all([
    addPod(near, { conf: CONF }),
    addPod(far, { conf: CONF }),
    addPod(near, { conf: CONF }),
  ]);
  const traffic = [4, 6] as const;
  const flows = await Promise.all(
    traffic.map(async (family) => startTraffic(one, await addressOf(other, family))),
  );
  await using sandbox = await near.sandbox();
  for (const how of ["killed", "paused"] as const) {
    await (how === "killed" ? lab.etcd.kill(0) : lab.etcd.pause(0));
    const [answer, deleted] = await Promise.all([
      near.fabric("ADD", { sandbox, conf: CONF }),
      how === "paused" ? ends.again("DEL") : undefined,
    ]);
    if (deleted !== undefined) requireOk(deleted);
    const { code, msg } = failureOf(answer);
    assertEquals(code, 110, msg);
    assertMatch(msg, /^etcd /);
    // 5 s, and a second for a busy machine to start and end it.
    assert(answer.durationMs < 6_000, `${how}: it took ${Math.round(answer.durationMs)} ms`);
    requireOk(await near.fabric("DEL", { sandbox, conf: CONF }));
    const left = (await near.execOk("ip -o link | grep -c ' fb[a-z2-7]*' || :")).trim();
    assertEquals(left, how === "killed" ? "2" : "1");
    await (how === "killed" ? lab.etcd.restart(0) : lab.etcd.resume(0));
  }
  for (const flow of flows) assertEquals(await flow.stop(), [], "pings without an answer");
  await using store = await openLabStore(lab);
  requireOk(await one.again("DEL"));
  requireOk(await other.again("DEL"));
  for (const host of lab.hosts) await assertClean(store, host);
});

/**
 * Restores the snapshot in place of what etcd holds, as an administrator would do it by hand. With
 * the same token the cluster's id stays what it was.
 */
async function restore(lab: Lab, options: { readonly token: string }): Promise<void> {
  await lab.etcd.kill(0);
  await lab.management.execOk(`cd /run/lab/etcd && rm -rf etcd1 &&
    ETCDCTL_API=3 etcdctl snapshot restore snapshot --name etcd1 --data-dir etcd1 \\
      --initial-cluster etcd1=http://172.31.0.1:2380 \\
      --initial-advertise-peer-urls http://172.31.0.1:2380 \\
      --initial-cluster-token ${options.token}`);
  await lab.etcd.restart(0);
}

/** ADDs and DELs that the restored etcd does not know of. */
const AHEAD = effort(6, 50);

async function addIsRefused(host: EquippedHost, msg: RegExp): Promise<void> {
  await using sandbox = await host.sandbox();
  const failure = failureOf(await host.fabric("ADD", { sandbox, conf: CONF }));
  assertEquals(failure.code, 107, failure.msg);
  assertMatch(failure.msg, msg);
  assertMatch(failure.details ?? "", /fabric-admin recover/);
  requireOk(await host.fabric("DEL", { sandbox, conf: CONF }));
}

const LOWER = /^etcd was replaced or restored: its revision is \d+, this node saw \d+$/;
const OTHER = /^etcd was replaced or restored: its cluster id is \d+, this node knew \d+$/;

Deno.test("after etcd was restored from a backup, or replaced, no ADD writes into it", async (t) => {
  await using lab = await startBed({ hosts: 2 });
  const host = lab.host(0);
  for (const token of ["etcd-cluster", "another"] as const) {
    const [what, msg] = token === "another"
      ? ["another cluster id", OTHER]
      : ["a lower revision", LOWER];
    await t.step(what, async () => {
      const before = await addPod(host, { conf: CONF });
      await lab.etcd.etcdctl("snapshot", "save", "/run/lab/etcd/snapshot");
      const after = await addPod(host, { conf: CONF });
      // The node sees more of etcd than the restored one will have, whatever is done with it then.
      for (let i = 0; i < AHEAD; i++) {
        const pod = await addPod(host, { conf: CONF });
        requireOk(await pod.again("DEL"));
        await pod.remove();
      }
      await restore(lab, { token });
      await addIsRefused(host, msg);
      // Pods that run end in order: the one that the backup knows, and the one that it does not.
      for (const pod of [before, after]) {
        requireOk(await pod.again("DEL"));
        await pod.remove();
      }
      await using store = await openLabStore(lab);
      await assertClean(store, host);
      requireOk(await host.fabric("GC", { conf: { ...CONF, "cni.dev/valid-attachments": [] } }));
      await addIsRefused(host, msg);
      // Others write into it, until its revision says nothing any more.
      await lab.management.execOk(`export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=${lab.etcd.endpoints}
        i=0; while [ $((i += 1)) -le ${AHEAD * 4} ]; do etcdctl put /others $i >/dev/null; done`);
      await addIsRefused(host, msg);
      const status = failureOf(await host.fabric("STATUS"));
      assertEquals(status.code, 50);
      assertMatch(status.msg, msg);
      // What an administrator says by hand today, when the store has been compared with the nodes.
      await host.execOk("rm /var/lib/fabric/store.json");
      const next = await addPod(host, { conf: CONF });
      assert(await next.reaches("10.100.0.1"));
      requireOk(await next.again("DEL"));
      await next.remove();
    });
  }
  await t.step("a node that never saw the former one is not stopped", async () => {
    await using sandbox = await lab.host(1).sandbox();
    resultOf(await lab.host(1).fabric("ADD", { sandbox, conf: CONF }));
    requireOk(await lab.host(1).fabric("DEL", { sandbox, conf: CONF }));
  });
});
