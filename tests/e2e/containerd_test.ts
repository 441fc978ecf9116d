/** containerd starts and ends pods by `ctr run --cni`. */

import { assertEquals, assertMatch } from "@std/assert";
import { type EquippedHost, type Lab, TOOLS } from "../lab/mod.ts";
import { conflistsFor, startBed } from "./bed.ts";
import { checkCitizens, type Runtime } from "./citizens.ts";
import { verbsCalled } from "./plugin_log.ts";

/** ctr takes the first conflist there is, so each change of network writes it anew. */
function ctrRuntime(options: { readonly version: RegExp; readonly binaries?: string }) {
  const { version, ...containerdOptions } = options;
  return async (host: EquippedHost): Promise<Runtime> => {
    const containerd = await host.containerd(containerdOptions);
    assertMatch(containerd.version, version);
    let current: string | undefined;
    let written = Promise.resolve();
    return {
      run: async (name, network) => {
        if (network !== current) {
          current = network;
          const [list] = Object.values(conflistsFor({ [network]: network }));
          written = host.writeFile("/etc/cni/net.d/10-lab.conflist", JSON.stringify(list));
        }
        await written;
        return await containerd.run(name);
      },
    };
  };
}

function startContainerdBed(): Promise<Lab> {
  return startBed({ hosts: 2, install: () => ({ conflists: {} }) });
}

Deno.test("Debian's containerd 1.6 makes pods citizens of their VLAN", async (t) => {
  await using lab = await startContainerdBed();
  await checkCitizens(t, lab, ctrRuntime({ version: /^1\.6\./ }));
  assertEquals(await verbsCalled(lab.host(0)), { ADD: 2, DEL: 2 });
});

Deno.test("containerd 2.4 makes pods citizens of their VLAN", async (t) => {
  await using lab = await startContainerdBed();
  await checkCitizens(t, lab, ctrRuntime({ version: /^2\.4\./, binaries: `${TOOLS}containerd2` }));
  // Its ctr calls DEL a second time when the first has done.
  assertEquals(await verbsCalled(lab.host(0)), { ADD: 2, DEL: 4 });
});
