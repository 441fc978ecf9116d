import { assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../mod/error.ts";
import { readKubeconfig } from "../mod/kube/kubeconfig.ts";
import type { RoleIo } from "../mod/role.ts";
import { keepKubeconfig } from "./keep_kubeconfig.ts";

interface Told {
  readonly io: RoleIo;
  readonly lines: string[];
}

function listen(): Told {
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(text);
  const io: RoleIo = {
    env: () => undefined,
    readStdin: () => Promise.resolve(""),
    writeStdout: write,
    writeStderr: write,
  };
  return { io, lines };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !isSo(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
}

Deno.test("keepKubeconfig() writes a kubeconfig, and again when the token is renewed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const options = {
      server: "https://10.96.0.1:443",
      tokenFile: `${folder}/token`,
      caFile: `${folder}/ca.crt`,
      kubeconfig: `${folder}/etc/kubeconfig`,
      runDir: undefined,
      once: false,
      seconds: 1,
    };
    const { io, lines } = listen();
    const end = new AbortController();
    const missing = await assertRejects(
      () => keepKubeconfig({ ...options, once: true }, { io, signal: end.signal }),
      FabricError,
    );
    assertEquals(missing.field, "--token-file");
    await Deno.writeTextFile(options.tokenFile, "first\n");
    await Deno.writeTextFile(options.caFile, "authority");
    const keeping = keepKubeconfig(options, { io, signal: end.signal });
    const { token, target } = await readKubeconfig(options.kubeconfig);
    assertEquals([token, target.hostname], ["first", "10.96.0.1"]);
    assertEquals(((await Deno.stat(options.kubeconfig)).mode ?? 0) & 0o777, 0o600);
    // A volume that is being replaced: told, and tried again.
    await Deno.remove(options.tokenFile);
    await until(() => lines.some((line) => line.includes("is missing")));
    assertEquals((await readKubeconfig(options.kubeconfig)).token, "first");
    await Deno.writeTextFile(options.tokenFile, "second\n");
    await until(() => lines.filter((line) => line.startsWith("wrote")).length === 2);
    assertEquals((await readKubeconfig(options.kubeconfig)).token, "second");
    // In an upgrade the next Pod writes its own; this one keeps its hands off, unless it is gone.
    await Deno.writeTextFile(options.kubeconfig, "another's");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assertEquals(await Deno.readTextFile(options.kubeconfig), "another's");
    await Deno.remove(options.kubeconfig);
    await until(() => lines.filter((line) => line.startsWith("wrote")).length === 3);
    assertEquals((await readKubeconfig(options.kubeconfig)).token, "second");
    end.abort();
    await keeping;
    assertEquals(lines.some((line) => line.includes("first") || line.includes("second")), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
