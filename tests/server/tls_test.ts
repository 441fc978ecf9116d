import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseSettings } from "../../server/settings.ts";
import { makeCertificates } from "../etcd_certificates.ts";
import { makeMemoryDir } from "../supervised.ts";
import { startAll } from "./server_fixture.ts";

Deno.test("off loopback it listens only with TLS, and lets nobody in unknown", () => {
  const refuse = (section: unknown, words: string): void =>
    void assertThrows(() => parseSettings(section, {}), Error, words);
  refuse({ listen: "0.0.0.0:8443" }, "only with TLS");
  const tls = { certFile: "/a", keyFile: "/b" };
  refuse({ listen: "0.0.0.0:8443", tls, anonymous: "viewer" }, "nobody is let in");
  refuse({ lisen: "x" }, "is not known");
  refuse({ listen: "nowhere" }, "Cannot listen");
  assertEquals(parseSettings({ listen: "[::]:8443", tls }, {}).hostname, "::");
});

Deno.test("a client certificate is a way in by its CN or O, and the certificate can be changed", async () => {
  const dir = await makeMemoryDir("fabric-tls-");
  try {
    const files = await makeCertificates(dir);
    await Deno.chmod(files.serverKeyFile, 0o600);
    const tls = {
      certFile: files.serverCertFile,
      keyFile: files.serverKeyFile,
      clientCaFile: files.caFile,
    };
    await using all = await startAll({
      tls,
      access: [
        { way: "certificate", user: "fabric", role: "viewer" },
        { way: "certificate", group: "fabric", role: "admin" },
      ],
    });
    const caCerts = [await Deno.readTextFile(files.caFile)];
    const asking = async (cert?: readonly [string, string]) => {
      using client = Deno.createHttpClient({
        caCerts,
        ...(cert === undefined ? {} : {
          cert: await Deno.readTextFile(cert[0]),
          key: await Deno.readTextFile(cert[1]),
        }),
      });
      const url = new URL("/api/v1/whoami", all.server.url.replace("127.0.0.1", "localhost"));
      const response = await fetch(url, { client });
      return { status: response.status, body: await response.json() };
    };
    assertEquals((await asking()).status, 401);
    const named = await asking([files.namedCertFile, files.namedKeyFile]);
    assertEquals([named.body.name, named.body.way, named.body.role], [
      "fabric",
      "certificate",
      "viewer",
    ]);
    const grouped = await asking([files.certFile, files.keyFile]);
    assertEquals([grouped.status, grouped.body.role], [200, "admin"]);

    // A certificate of nobody whom we know is none.
    const script =
      `cd "$1" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
      -keyout stranger.key -out stranger.pem -days 2 -subj /O=fabric/CN=fabric 2>/dev/null`;
    await new Deno.Command("sh", { args: ["-c", script, "sh", dir] }).output();
    const stranger = await asking([`${dir}/stranger.pem`, `${dir}/stranger.key`])
      .catch(() => ({ status: 401 }));
    assertEquals(stranger.status, 401);

    // The same names with another serial number, without a restart.
    const serial = async (): Promise<string> => {
      const { hostname, port } = new URL(all.server.url);
      const { stdout } = await new Deno.Command("sh", {
        args: [
          "-c",
          `openssl s_client -connect ${hostname}:${port} </dev/null 2>/dev/null | openssl x509 -noout -serial`,
        ],
      }).output();
      return new TextDecoder().decode(stdout).trim();
    };
    const before = await serial();
    const renew = `cd "$1" && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key \
      -CAcreateserial -days 2 -extfile server.ext -out server.pem 2>/dev/null`;
    await new Deno.Command("sh", { args: ["-c", renew, "sh", dir] }).output();
    all.server.reload();
    const after = await serial();
    assert(before !== after && after.startsWith("serial="), `${before} ${after}`);
    assertEquals((await asking([files.certFile, files.keyFile])).status, 200);
    // What cannot be used leaves the old one in place.
    await Deno.writeTextFile(files.serverCertFile, "nonsense");
    all.server.reload();
    assertEquals((await asking([files.certFile, files.keyFile])).status, 200);
    assertEquals(await serial(), after);
  } finally {
    await Deno.remove(dir, { recursive: true }).catch(() => {});
  }
});
