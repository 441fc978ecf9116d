/** TLS of the executable as users get it: client certificates, and certificates that are renewed. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { RELEASE } from "../executable.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { makePlace, serveCompiled } from "./compiled_server.ts";
import { makeServerCertificates } from "./server_certificates.ts";

/** What curl gets. */
async function curl(args: readonly string[]) {
  const { stdout, stderr, code } = await new Deno.Command("curl", {
    args: ["-sS", "-i", "--max-time", "10", ...args],
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  return {
    code,
    error: decoder.decode(stderr),
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0),
    headers: text.split("\r\n\r\n")[0] ?? "",
    body: text.split("\r\n\r\n").slice(1).join("\r\n\r\n"),
  };
}

Deno.test("client certificates are asked for, checked and mapped; others are strangers", async () => {
  await using etcd = await startEtcd();
  await using place = await makePlace();
  const { dir } = place;
  const files = await makeServerCertificates(dir);
  const configFile = `${dir}/ctl.yaml`;
  await Deno.writeTextFile(
    configFile,
    JSON.stringify({
      etcd: { endpoints: etcd.endpoints },
      log: { file: `${dir}/ctl.log`, level: "info" },
      server: {
        listen: "0.0.0.0:0",
        tls: { certFile: files.certFile, keyFile: files.keyFile, clientCaFile: files.caFile },
        access: [
          { way: "certificate", user: "deploy.bank.example", role: "operator" },
          { way: "certificate", group: "network-team", role: "admin" },
          { way: "certificate", user: "ops", role: "viewer", tenant: { department: "cards" } },
        ],
      },
    }),
  );
  await using server = await serveCompiled(configFile);
  const url = `https://localhost:${server.port}/api/v1/whoami`;
  const as = (name: string | undefined, ...rest: readonly string[]) =>
    curl([
      "--cacert",
      files.caFile,
      ...(name === undefined
        ? []
        : ["--cert", `${dir}/${name}.pem`, "--key", `${dir}/${name}.key`]),
      ...rest,
      url,
    ]);
  const who = async (name: string) => {
    const { status, body } = await as(name);
    if (status !== 200) return status;
    const { role, way, scope } = JSON.parse(body);
    return [JSON.parse(body).name, way, role, scope];
  };
  assertEquals(await who("by-cn"), ["ops", "certificate", "viewer", { department: "cards" }]);
  assertEquals(await who("by-o"), ["anna", "certificate", "admin", undefined]);
  assertEquals(await who("by-san"), ["deploy.bank.example", "certificate", "operator", undefined]);
  assertEquals(await who("no-rule"), 401);
  assertEquals(await who("expired"), 401);
  assertEquals(await who("other-authority"), 401);
  assertEquals(await who("server-only"), 401, "a certificate of a server is no client's");
  assertEquals(await who("tricky"), 401, "a comma in a name makes no second name");
  const nobody = await as(undefined);
  assertEquals(nobody.status, 401);
  assertMatch(nobody.headers, /strict-transport-security: max-age=\d+/i);
  // A browser shows a certificate for whatever page asks.
  const posted = await curl([
    "--cacert",
    files.caFile,
    "--cert",
    `${dir}/by-o.pem`,
    "--key",
    `${dir}/by-o.key`,
    "-H",
    "origin: https://evil.example",
    "-H",
    "content-type: application/json",
    "-d",
    "{}",
    `https://localhost:${server.port}/api/v1/zones`,
  ]);
  assertEquals(posted.status, 403);
  const plain = await curl([`http://localhost:${server.port}/api/v1/whoami`]);
  assert(plain.code !== 0 || plain.status === 400, "no answer without TLS");
  const old = await as("by-o", "--tls-max", "1.1");
  assert(old.code !== 0, "no TLS below 1.2");

  // Another certificate, without a restart; one that cannot be used leaves the one before.
  const issuer = async () => {
    const { stdout } = await new Deno.Command("sh", {
      args: [
        "-c",
        `openssl s_client -connect localhost:${server.port} </dev/null 2>/dev/null | openssl x509 -noout -serial`,
      ],
    }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  const log = async (): Promise<string> => await Deno.readTextFile(`${dir}/ctl.log`);
  const logged = async (pattern: RegExp, count: number) => {
    for (let i = 0; i < 200; i++) {
      if ([...(await log()).matchAll(pattern)].length >= count) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`not in the log: ${pattern}\n${await log()}`);
  };
  const first = await issuer();
  await Deno.copyFile(files.renewedCertFile, files.certFile);
  await Deno.copyFile(files.renewedKeyFile, files.keyFile);
  server.signal("SIGHUP");
  await logged(/the certificate was read again/g, 1);
  const second = await issuer();
  assert(first !== "" && second !== "" && first !== second, `${first} ${second}`);
  await Deno.writeTextFile(files.certFile, "no certificate");
  server.signal("SIGHUP");
  await logged(/the certificate is kept as it was/g, 1);
  assertEquals(await issuer(), second);
  assertEquals(await who("by-o"), ["anna", "certificate", "admin", undefined]);
});

Deno.test("off loopback nothing is served without TLS or to the unknown", async () => {
  await using etcd = await startEtcd();
  await using place = await makePlace();
  const { dir } = place;
  const files = await makeServerCertificates(dir);
  const serve = async (server: unknown) => {
    const configFile = `${dir}/off.yaml`;
    await Deno.writeTextFile(
      configFile,
      JSON.stringify({
        etcd: { endpoints: etcd.endpoints },
        log: { file: `${dir}/off.log` },
        server,
      }),
    );
    const { code, stderr } = await new Deno.Command(RELEASE, {
      args: ["ctl", "serve", "--config", configFile],
      clearEnv: true,
      stdin: "null",
      signal: AbortSignal.timeout(20_000),
    }).output();
    return [code, new TextDecoder().decode(stderr)] as const;
  };
  const tls = { certFile: files.certFile, keyFile: files.keyFile };
  const [code, why] = await serve({ listen: "0.0.0.0:0" });
  assertEquals(code, 1);
  assertMatch(why, /only with TLS.*certFile/);
  assertMatch(
    (await serve({ listen: "0.0.0.0:0", tls, anonymous: "viewer" }))[1],
    /nobody is let in unknown/,
  );
  await Deno.chmod(files.keyFile, 0o644);
  assertMatch((await serve({ listen: "0.0.0.0:0", tls }))[1], /mode 0644; run: chmod 600/);
  await Deno.chmod(files.keyFile, 0o600);
  await Deno.writeTextFile(files.certFile, "no certificate");
  const [broken, text] = await serve({ listen: "127.0.0.1:0", tls });
  assertEquals(broken, 1);
  assertMatch(text, /tls\.pem: it is not PEM/);
});
