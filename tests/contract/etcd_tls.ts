/**
 * What every transport of the store does with TLS and client certificates.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FabricError, isKind } from "../../mod/error.ts";
import type { StoreOptions } from "../../mod/etcd/open.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { rejection, startContract, version, write } from "./contract.ts";

const { test, cases } = startContract();

/** Cases for each transport. */
export const tlsContract = cases;

test("TLS: the authority of the configuration is trusted, others are not", async (open) => {
  await using etcd = await startEtcd({ tls: "server" });
  await using stranger = await startEtcd({ tls: "server" });
  const { caFile = "" } = etcd.certificates ?? {};
  await using store = await open({ endpoints: etcd.endpoints, tls: { caFile } });
  await write(store, "a");
  assertEquals(await version(store, "a"), 1);
  const options: readonly StoreOptions[] = [
    { endpoints: etcd.endpoints, tls: { caFile: stranger.certificates?.caFile ?? "" } },
    { endpoints: etcd.endpoints },
    { endpoints: etcd.endpoints.map((url) => url.replace("https:", "http:")) },
  ];
  for (const one of options) {
    await using other = await open({ ...one, timeoutMs: 1000 });
    const error = await rejection(write(other, "a"));
    // A server that asks for TLS only closes a plain connection, which says nothing of the write.
    const kind = one.tls === undefined && one.endpoints[0]?.startsWith("http:") === true
      ? "unknown-outcome"
      : "unavailable";
    assert(isKind(error, kind, "unavailable"), String(error));
  }
  assertEquals(await version(store, "a"), 1);
});

test("TLS: the server's name is the host's or the configured one", async (open) => {
  await using etcd = await startEtcd({ tls: "server" });
  const { caFile = "" } = etcd.certificates ?? {};
  const at = (host: string) => etcd.endpoints.map((url) => url.replace("127.0.0.1", host));
  const tls = { caFile };
  await using named = await open({ endpoints: at("localhost"), tls });
  await write(named, "a");
  const cases: readonly (readonly [StoreOptions, boolean])[] = [
    [{ endpoints: at("127.0.0.1"), tls: { ...tls, serverName: "localhost" } }, true],
    [{ endpoints: at("127.0.0.1"), tls: { ...tls, serverName: "etcd.example" } }, false],
    [{ endpoints: at("127.0.0.2"), tls }, false],
    [{ endpoints: at("127.0.0.2"), tls: { ...tls, serverName: "localhost" } }, true],
  ];
  for (const [options, works] of cases) {
    await using store = await open({ ...options, timeoutMs: 1000 });
    const result = await version(store, "a").catch((error) => error);
    if (works) assertEquals(result, 1);
    else assert(isKind(result, "unavailable"), String(result));
  }
});

test("TLS: an etcd that asks for a client certificate gets it", async (open) => {
  await using etcd = await startEtcd({ tls: "mutual" });
  const { certificates } = etcd;
  assert(certificates !== undefined);
  const { caFile, certFile, keyFile } = certificates;
  await using store = await open({ endpoints: etcd.endpoints, tls: { caFile, certFile, keyFile } });
  await write(store, "a");
  assertEquals(await version(store, "a"), 1);
  const at = etcd.endpoints.map((url) => url.replace("127.0.0.1", "127.0.0.2"));
  const named = { caFile, certFile, keyFile, serverName: "localhost" };
  await using renamed = await open({ endpoints: etcd.endpoints, tls: named });
  assertEquals(await version(renamed, "a"), 1);
  for (const serverName of ["etcd.example", undefined]) {
    const tls = { caFile, certFile, keyFile, ...(serverName === undefined ? {} : { serverName }) };
    const endpoints = serverName === undefined ? at : etcd.endpoints;
    await using other = await open({ endpoints, tls, timeoutMs: 1000 });
    const error = await rejection(version(other, "a"));
    assert(isKind(error, "unavailable"), String(error));
  }
  await using without = await open({ endpoints: etcd.endpoints, tls: { caFile }, timeoutMs: 1000 });
  const error = await rejection(version(without, "a"));
  assert(isKind(error, "unavailable"), String(error));
});

test("TLS: a dead and a hanging endpoint are passed over within a second", async (open) => {
  await using etcd = await startEtcd({ members: 3, tls: "mutual" });
  const { certificates } = etcd;
  assert(certificates !== undefined);
  const { caFile, certFile, keyFile } = certificates;
  const leader = await etcd.leader();
  const options = { endpoints: etcd.endpoints, tls: { caFile, certFile, keyFile } };
  const first = (leader + 1) % 3;
  for (const how of ["kill", "pause"] as const) {
    if (how === "pause") {
      await etcd.restart(first);
      await etcd.pause(first);
    } else await etcd.kill(first);
    await using store = await open({ ...options, firstEndpoint: first });
    const began = performance.now();
    await write(store, how);
    assert(performance.now() - began < 1000, `${performance.now() - began} ms`);
    assertEquals(await version(store, how), 1);
  }
  etcd.resume(first);
});

test("files that are missing, readable by others or half given are named", async (open) => {
  await using etcd = await startEtcd({ tls: "mutual" });
  const { certificates, endpoints } = etcd;
  assert(certificates !== undefined);
  const { caFile, certFile, keyFile } = certificates;
  const openKey = `${etcd.dir}/open.key`;
  await Deno.copyFile(keyFile, openKey);
  await Deno.chmod(openKey, 0o644);
  const table: readonly (readonly [StoreOptions, string])[] = [
    [{ endpoints: [] }, "etcd.endpoints"],
    [{ endpoints: ["localhost:2379"] }, "etcd.endpoints"],
    [{ endpoints: ["http://127.0.0.1:1", "https://127.0.0.1:2"] }, "etcd.endpoints"],
    [{ endpoints: ["http://127.0.0.1:1"], tls: { caFile } }, "etcd.endpoints"],
    [{ endpoints, prefix: "no-slash" }, "etcd.prefix"],
    [{ endpoints, tls: { caFile: `${etcd.dir}/none` } }, "etcd.tls.caFile"],
    [{ endpoints, tls: { caFile, certFile } }, "etcd.tls.keyFile"],
    [{ endpoints, tls: { caFile, certFile, keyFile: openKey } }, "etcd.tls.keyFile"],
    [
      { endpoints, tls: { caFile }, auth: { user: "u", passwordFile: `${etcd.dir}/none` } },
      "etcd.auth.passwordFile",
    ],
  ];
  for (const [options, field] of table) {
    const error = await rejection(open(options));
    assert(error instanceof FabricError, String(error));
    assertEquals([error.kind, error.field], ["invalid", field]);
  }
});
