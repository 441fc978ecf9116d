import { assert } from "@std/assert";
import { isKind } from "../../mod/error.ts";
import { openStore } from "../../mod/etcd/open.ts";
import { rejection, runContract } from "./contract.ts";
import { authContract } from "./etcd_auth.ts";
import { failoverContract } from "./etcd_failover.ts";
import { kvContract } from "./etcd_kv.ts";
import { limitsContract } from "./etcd_limits.ts";
import { tlsContract } from "./etcd_tls.ts";
import { watchContract } from "./etcd_watch.ts";

runContract("grpc", kvContract);
runContract("grpc", limitsContract);
runContract("grpc", watchContract);
runContract("grpc", failoverContract);
runContract("grpc", tlsContract);
runContract("grpc", authContract);

Deno.test("grpc: an IPv6 address with TLS asks for a server name", async () => {
  const endpoints = ["https://[::1]:2379"];
  const error = await rejection(openStore({ endpoints }, { transport: "grpc" }));
  assert(isKind(error, "invalid") && error.field === "etcd.endpoints", String(error));
  await using _ = await openStore({ endpoints, tls: { serverName: "localhost" } }, {
    transport: "grpc",
  });
});
