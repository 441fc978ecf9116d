/** A day of the executable as users get it; and of all secrets that it used, none is anywhere. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { call, RELEASE } from "../executable.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { makePlace, serveCompiled } from "./compiled_server.ts";
import { makeServerCertificates } from "./server_certificates.ts";

const OWN_PASSWORD = "my own words, which are long";

Deno.test("accounts, tokens and sessions of the executable; no secret is in logs, answers, audit or bundle", async () => {
  await using etcd = await startEtcd({ auth: true });
  await using place = await makePlace();
  const { dir } = place;
  const { root, endpoints } = etcd;
  assert(root !== undefined);
  const files = await makeServerCertificates(dir);
  await Deno.copyFile(root.passwordFile, `${dir}/etcd-password`);
  await Deno.chmod(`${dir}/etcd-password`, 0o600);
  await Deno.writeTextFile(`${dir}/oidc-secret`, "the-client-secret-of-the-provider", {
    mode: 0o600,
  });
  const config = `${dir}/config.yaml`;
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      etcd: { endpoints, user: root.user, passwordFile: `${dir}/etcd-password` },
      runDir: `${dir}/run`,
      log: { file: `${dir}/fabric.log`, level: "debug" },
      server: {
        listen: "127.0.0.1:0",
        tls: { certFile: files.certFile, keyFile: files.keyFile },
        oidc: {
          issuer: "https://127.0.0.1:9/",
          clientId: "fabric",
          clientSecretFile: `${dir}/oidc-secret`,
          redirectUri: "https://fabric.bank.example/auth/oidc/callback",
        },
      },
    }),
  );
  let told = "";
  const env = { PATH: "/usr/bin:/bin", FABRIC_CONFIG: config };
  const run = async (args: readonly string[], input?: string) => {
    const ended = await call(RELEASE, { args, env, ...(input === undefined ? {} : { input }) });
    return ended;
  };
  const ctl = (...args: readonly string[]) => run(["ctl", ...args]);

  // The first administrator: made by whoever has etcd's credentials.
  const made = await ctl("account", "create", "alice", "--role", "admin");
  assertEquals(made.code, 0, made.stderr);
  assertMatch(made.stdout, /^account alice created\n[a-z2-9]{5}(-[a-z2-9]{5}){3}\n$/);
  const first = made.stdout.trim().split("\n").at(-1) ?? "";
  const given = await run(
    ["ctl", "account", "create", "bob", "--role", "viewer", "--password-stdin"],
    "bob's words, which are long\n",
  );
  assertEquals([given.code, given.stdout], [0, "account bob created\n"]);
  const weak = await run(
    ["ctl", "account", "create", "eve", "--role", "viewer", "--password-stdin"],
    "hunter2\n",
  );
  assertEquals(weak.code, 1);
  assertMatch(weak.stderr, /password cannot be used.*12/);
  const token = await ctl("token", "create", "ci", "--role", "operator", "-o", "json");
  const { token: bearer } = JSON.parse(token.stdout);
  const list = await ctl("token", "list");
  assertMatch(list.stdout, /ci +operator/);
  told += list.stdout + (await ctl("account", "list")).stdout + weak.stderr + weak.stdout;

  await using server = await serveCompiled(config);
  const client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(files.caFile)] });
  using _client = client;
  const cookies: string[] = [];
  const ask = async (
    path: string,
    options: {
      readonly method?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
    } = {},
  ) => {
    const response = await fetch(new URL(path, `https://localhost:${server.port}`), {
      client,
      redirect: "manual",
      ...(options.method === undefined ? {} : { method: options.method }),
      headers: { "content-type": "application/json", ...options.headers },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    const cookie = response.headers.get("set-cookie");
    if (cookie !== null) {
      assertMatch(cookie, /^__Host-fabric=[^;]*; .*HttpOnly; SameSite=Strict; Secure$/);
      cookies.push(/=([^;]*)/.exec(cookie)?.[1] ?? "");
    }
    return {
      status: response.status,
      text,
      json: /^application\/(problem\+)?json(;|$)/.test(response.headers.get("content-type") ?? "")
        ? JSON.parse(text)
        : undefined,
      cookie: cookie?.split(";")[0] ?? "",
    };
  };
  const signIn = (name: string, password: string) =>
    ask("/auth/login", { method: "POST", body: { name, password } });
  const begun = await signIn("alice", first);
  assertEquals([begun.status, begun.json.mustChange], [200, true]);
  const as = (session: typeof begun) => ({
    cookie: session.cookie,
    "x-csrf-token": session.json.csrf,
  });
  const changed = await ask("/auth/password", {
    method: "POST",
    headers: as(begun),
    body: { current: first, next: OWN_PASSWORD },
  });
  assertEquals(changed.status, 200, changed.text);
  const admin = as(changed);
  const minted = await ask("/api/v1/tokens", {
    method: "POST",
    headers: { ...admin, "idempotency-key": "once" },
    body: { name: "grafana", role: "viewer", days: 1 },
  });
  assertEquals(minted.status, 201);
  const reset = "what the administrator gave";
  const patched = await ask("/api/v1/accounts/bob", {
    method: "PATCH",
    headers: { ...admin, "content-type": "application/json" },
    body: { password: reset },
  });
  assertEquals(patched.status, 200, patched.text);

  // What goes wrong tells nothing either.
  const wrongs = [
    await signIn("alice", "a guess, a wrong one"),
    await signIn("alice", `${OWN_PASSWORD} `),
    await ask("/api/v1/whoami", { headers: { authorization: `Bearer ${bearer}x` } }),
    await ask("/api/v1/whoami", {
      headers: { authorization: `Basic ${btoa("a:secret-of-basic")}` },
    }),
    await ask(`/api/v1/networks?token=${bearer}`, {
      headers: { authorization: `Bearer ${bearer}` },
    }),
    await ask("/auth/login", { method: "POST", body: { name: "alice", passwort: OWN_PASSWORD } }),
    await ask("/auth/login", { method: "POST", body: { name: "alice", password: [OWN_PASSWORD] } }),
    await ask("/auth/oidc/start"),
    await ask("/auth/oidc/callback?code=the-code-of-the-provider&state=the-state-of-the-browser"),
    await ask("/api/v1/accounts", {
      method: "POST",
      headers: admin,
      body: { name: "carol", password: "short-secret", role: "boss" },
    }),
  ];
  assertEquals(wrongs.map(({ status }) => status), [
    401,
    401,
    401,
    401,
    400,
    422,
    422,
    503,
    400,
    422,
  ]);
  told += wrongs.map(({ text }) => text).join("\n");

  for (
    const path of ["/api/v1/tokens", "/api/v1/accounts", "/api/v1/audit", "/api/v1/audit/export"]
  ) {
    const { status, text } = await ask(path, { headers: admin });
    assertEquals(status, 200, text);
    told += text;
  }
  told += (await ask("/metrics", { headers: admin })).text;
  const exported = await ctl("audit", "export");
  await Deno.writeTextFile(`${dir}/audit.jsonl`, exported.stdout);
  const verified = await ctl("audit", "verify", "--file", `${dir}/audit.jsonl`);
  assertEquals(verified.code, 0, verified.stdout);
  const actors = exported.stdout.trim().split("\n").map((line) => {
    const { action, way, outcome } = JSON.parse(line);
    return `${action} ${way} ${outcome}`;
  });
  assert(actors.includes("createAccount shell done"), actors.join("\n"));
  assert(actors.includes("createAccount shell refused"), actors.join("\n"));
  assert(actors.includes("createToken account done"), actors.join("\n"));
  assert(actors.includes("signIn unknown refused"), actors.join("\n"));
  const bundle = await run(["admin", "bundle", `${dir}/bundle.tar.gz`, "--config", config]);
  if (bundle.code === 0) {
    const { stdout } = await new Deno.Command("tar", {
      args: ["-xzOf", `${dir}/bundle.tar.gz`],
    }).output();
    told += new TextDecoder().decode(stdout);
  }
  told += bundle.stdout + bundle.stderr + exported.stdout + verified.stdout + server.output();
  told += await Deno.readTextFile(`${dir}/fabric.log`);
  const stored = await etcd.etcdctl("get", "--prefix", "/");

  const key = (await Deno.readTextFile(files.keyFile)).split("\n")[1] ?? "";
  const secrets = {
    "etcd's password": (await Deno.readTextFile(root.passwordFile)).trim(),
    "the key of TLS": key,
    "the provider's secret": "the-client-secret-of-the-provider",
    "the made password": first,
    "the own password": OWN_PASSWORD,
    "bob's password": "bob's words",
    "a refused password": "hunter2",
    "another refused password": "short-secret",
    "the given password": reset,
    "a wrong password": "a guess, a wrong one",
    "a basic credential": btoa("a:secret-of-basic"),
    "the bearer token": bearer.split("_")[2],
    "the minted token": minted.json.token.split("_")[2],
    "the code of the provider": "the-code-of-the-provider",
    "the state of the browser": "the-state-of-the-browser",
    ...Object.fromEntries(
      cookies.filter((one) => one !== "").map((one, i) => [
        `cookie ${i}`,
        one.split(".")[1] ?? one,
      ]),
    ),
  };
  const found = Object.entries(secrets).flatMap(([name, secret]) => [
    ...(secret === undefined || secret.length < 6 ? [`${name} is empty`] : []),
    ...(told.includes(secret ?? "") ? [`${name} was told`] : []),
    ...(stored.includes(secret ?? "") ? [`${name} is in etcd`] : []),
  ]);
  assertEquals(found, []);
});
