import { assertEquals } from "@std/assert";
import { formatAddress, parseAddress } from "../../mod/ip/address.ts";
import { historyKey } from "../../mod/ipam/keys.ts";
import { addRequest } from "../ipam_fixture.ts";
import type { Bed, Population } from "./bed.ts";
import { scenarioTests } from "./scenario.ts";

const ID = "01J8ZQ4T6V9X0Y2B3C4D5E6F7G";

function interval(pods: Population): { readonly key: string; readonly address: string } {
  const [first] = pods.a.addresses;
  if (first === undefined) throw new Error("no address");
  return { key: historyKey(first.address, first.id), address: formatAddress(first.address) };
}

async function pointerOf(bed: Bed, id: string): Promise<string> {
  const all = await bed.keys("history-by-owner/");
  return all.find(({ key }) => key.endsWith(id))?.key ?? "";
}

/** An interval of an address that nobody has. */
async function record(bed: Bed, fields: Readonly<Record<string, unknown>>, id = ID) {
  const address = "10.0.0.177";
  const network = JSON.parse((await bed.read("networks/pods"))?.value ?? "").metadata;
  const holder = addRequest(`gone-${id}`).attachment;
  const value = {
    v: 1,
    id,
    address,
    network: { name: "pods", uid: network.uid },
    holder,
    start: "2026-01-01T00:00:00.000Z",
    ...fields,
  };
  const pointer =
    `history-by-owner/local/-/Container/-/${holder.containerId}/0/${holder.ifname}/${id}`;
  const key = historyKey(parseAddress(address), id);
  await bed.damage(
    { put: key, value: JSON.stringify(value) },
    { put: pointer, value: JSON.stringify({ v: 1, address, network: value.network }) },
  );
  return { key, pointer, value };
}

const ENDED = { end: "2026-01-02T00:00:00.000Z", endedBy: "del" };

const TESTS = scenarioTests([
  {
    code: "F-H-01",
    name: "an interval of a sandbox that is gone was never ended",
    damage: async (bed) => void await record(bed, {}),
  },
  {
    code: "F-H-01",
    name: "an interval of somebody before was never ended",
    damage: async (bed, pods) => {
      const [first] = pods.web1.addresses;
      if (first === undefined) throw new Error("no address");
      const { end: _, endedBy: __, ...open } = JSON.parse(
        (await bed.read(historyKey(first.address, first.id)))?.value ?? "",
      );
      await bed.damage({
        put: historyKey(first.address, first.id),
        value: JSON.stringify(open),
      });
    },
  },
  {
    code: "F-H-02",
    name: "the interval of a used address is lost with its entry by owner",
    damage: async (bed, pods) => {
      const { key } = interval(pods);
      const pointer = await pointerOf(bed, pods.a.addresses[0]?.id ?? "");
      await bed.damage({ delete: key }, { delete: pointer });
    },
  },
  {
    code: "F-H-02",
    name: "the interval of a used address is lost",
    damage: (bed, pods) => bed.damage({ delete: interval(pods).key }),
  },
  {
    code: "F-H-03",
    name: "the interval of a used address is ended",
    damage: (bed, pods) => bed.alter(interval(pods).key, ENDED),
  },
  {
    code: "F-H-04",
    name: "an interval was changed after the next one had begun",
    damage: async (bed) => {
      const first = await record(bed, {});
      await bed.damage({ put: first.key, value: JSON.stringify({ ...first.value, ...ENDED }) });
      const second = await record(bed, {}, "01J8ZQ4T6V9X0Y2B3C4D5E6F7H");
      await bed.damage({ put: second.key, value: JSON.stringify({ ...second.value, ...ENDED }) });
      await bed.damage({ put: first.key, value: JSON.stringify({ ...first.value, ...ENDED }) });
    },
    then: async (bed) => {
      const key = historyKey(parseAddress("10.0.0.177"), ID);
      const { end, disputed } = JSON.parse((await bed.read(key))?.value ?? "");
      assertEquals({ end, disputed }, {
        end: ENDED.end,
        disputed: ["01J8ZQ4T6V9X0Y2B3C4D5E6F7H"],
      });
    },
  },
  {
    code: "F-H-05",
    name: "the entry by owner of a used address is lost",
    damage: async (bed, pods) =>
      bed.damage({ delete: await pointerOf(bed, pods.a.addresses[0]?.id ?? "") }),
  },
  {
    code: "F-H-05",
    name: "the entry by owner of an ended interval is lost",
    damage: async (bed) => {
      const { pointer } = await record(bed, ENDED);
      await bed.damage({ delete: pointer });
    },
  },
  {
    code: "F-H-06",
    name: "an interval is lost that has ended",
    damage: async (bed) => {
      const { key } = await record(bed, ENDED);
      await bed.damage({ delete: key });
    },
  },
  {
    code: "F-H-06",
    name: "an entry stands under another owner too",
    damage: async (bed) => {
      const { pointer } = await record(bed, ENDED);
      const value = (await bed.read(pointer))?.value ?? "";
      await bed.damage({ put: pointer.replace("/Container/", "/Other/"), value });
    },
  },
  {
    code: "F-H-07",
    name: "an entry by owner names another address",
    damage: async (bed) => {
      const { pointer } = await record(bed, ENDED);
      await bed.alter(pointer, { address: "10.0.0.178" });
    },
  },
  {
    code: "F-H-08",
    name: "the open interval of a used address names another MAC",
    damage: (bed, pods) => bed.alter(interval(pods).key, { mac: "0a:58:00:00:00:01" }),
  },
  {
    code: "F-H-08",
    name: "the open interval of a used address names another holder",
    damage: (bed, pods) =>
      bed.alter(interval(pods).key, { holder: addRequest("somebody").attachment }),
  },
]);

for (const { title, run } of TESTS) Deno.test(title, run);
