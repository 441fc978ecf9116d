import { runContract } from "./contract.ts";
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
