import { assert, assertEquals } from "@std/assert";
import { isKind } from "../../mod/error.ts";
import { openStore } from "../../mod/etcd/open.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { rejection, runContract, version, write } from "./contract.ts";
import { authContract } from "./etcd_auth.ts";
import { failoverContract } from "./etcd_failover.ts";
import { kvContract } from "./etcd_kv.ts";
import { limitsContract } from "./etcd_limits.ts";
import { tlsContract } from "./etcd_tls.ts";
import { watchContract } from "./etcd_watch.ts";

runContract("gateway", kvContract);
runContract("gateway", limitsContract);
runContract("gateway", watchContract);
runContract("gateway", failoverContract);
runContract("gateway", tlsContract);
runContract("gateway", authContract);

Deno.test("gateway: a server that is no etcd, and an etcd without a gateway, are named", async () => {
  await using etcd = await startEtcd({ args: ["--enable-grpc-gateway=false"] });
  await using store = await openStore({ endpoints: etcd.endpoints }, { transport: "gateway" });
  assert(isKind(await rejection(version(store, "a")), "incompatible"));
  // One that has a gateway is found beside it.
  await using whole = await startEtcd();
  const both = { endpoints: [...etcd.endpoints, ...whole.endpoints] };
  await using found = await openStore(both, { transport: "gateway" });
  await write(found, "a");
  assertEquals(await version(found, "a"), 1);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("<h1>It works</h1>", { status: 200 }),
  );
  const endpoints = [`http://127.0.0.1:${server.addr.port}`];
  await using other = await openStore({ endpoints }, { transport: "gateway" });
  const error = await rejection(version(other, "a"));
  assert(isKind(error, "unavailable") && error.message.includes("not JSON"), String(error));
});

Deno.test("gateway: with auth on, etcd's refusal of a common name is explained", async () => {
  await using etcd = await startEtcd({ auth: true, tls: "mutual" });
  const { certificates, root: auth, endpoints } = etcd;
  assert(certificates !== undefined && auth !== undefined);
  const { caFile, namedCertFile: certFile, namedKeyFile: keyFile } = certificates;
  const options = { endpoints, auth, tls: { caFile, certFile, keyFile } };
  await using store = await openStore(options, { transport: "gateway" });
  const error = await rejection(version(store, "a"));
  assert(isKind(error, "incompatible") && error.field === "etcd.tls.certFile", String(error));
});
