import { type Netns, startNetns, startOvs, until } from "../ovs_fixture.ts";
import { attach } from "./attach.ts";

const FOUR = "10.0.0.5";
const SIX = "2001:db8::5";
const STALE = "02:00:00:00:00:99";

Deno.test("a server with stale neighbour entries reaches a new pod within a second", async () => {
  await using switchHost = await startOvs({ bridges: ["br0"] });
  await using host = await startOvs({ bridges: ["br0"] });
  await using server = await startNetns();
  await using pod = await startNetns();
  await connect(switchHost, host);
  await attach(switchHost, {
    pod: server,
    mac: "02:00:0a:00:00:64",
    vlan: 100,
    addresses: ["10.0.0.100/24", "2001:db8::64/64"],
  });
  // As it would be after the address moved here from another machine: the server knows for sure
  // where it was, and does not ask.
  for (const [family, address] of [["-4", FOUR], ["-6", SIX]]) {
    await server.exec(
      `ip ${family} neigh replace ${address} dev eth0 lladdr ${STALE} nud reachable`,
    );
  }
  await attach(host, {
    pod,
    mac: "02:00:0a:00:00:05",
    vlan: 100,
    addresses: [`${FOUR}/24`, `${SIX}/64`],
  });
  await until("both entries are refreshed", async () => {
    const table = await server.exec("ip neigh show dev eth0");
    return !table.includes(STALE) && table.includes("02:00:0a:00:00:05");
  }, 1_000);
  await server.exec(`ping -c1 -W1 ${FOUR}`);
  await server.exec(`ping -6 -c1 -W1 ${SIX}`);
});

Deno.test("the announcement goes out when the port is in the datapath, not before", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using server = await startNetns();
  await using pod = await startNetns();
  await attach(host, { pod: server, mac: "02:00:0a:00:00:64", addresses: ["10.0.0.100/24"] });
  await server.exec(`ip neigh replace ${FOUR} dev eth0 lladdr ${STALE} nud reachable`);
  await host.killVswitchd();
  const attaching = attach(host, {
    pod,
    mac: "02:00:0a:00:00:05",
    addresses: [`${FOUR}/24`],
  });
  await until("the pod has its address", async () => (await pod.exec("ip addr")).includes(FOUR));
  await host.startVswitchd();
  await attaching;
  await until("the entry is refreshed", async () => !await isStale(server), 1_000);
});

async function isStale(server: Netns): Promise<boolean> {
  return (await server.exec("ip neigh show dev eth0")).includes(STALE);
}

/** An uplink: a cable between two switches, a trunk on both. */
async function connect(a: Netns, b: Netns): Promise<void> {
  await a.exec(`ip link add uplink0 type veth peer name uplink0 netns ${b.path}`);
  for (const end of [a, b]) {
    await end.exec("ip link set uplink0 up; ovs-vsctl --timeout=5 add-port br0 uplink0");
  }
}
