/** Gives a slot of a workload addresses of its own. @module */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { OwnerRef } from "../api/objects.ts";
import { allocate, fix, unfix } from "../api/operations.ts";
import { t } from "../i18n.ts";
import { Field } from "../ui/field.tsx";
import { TaskDialog } from "../ui/task.tsx";
import { say } from "../ui/toast.tsx";

/** Kinds of workloads, with their API groups. */
const KINDS: Readonly<Record<string, string>> = {
  StatefulSet: "apps",
  Deployment: "apps",
  DaemonSet: "apps",
  VirtualMachine: "kubevirt.io",
  Pod: "",
};

export function FixDialog(
  props: {
    readonly network: string;
    /** Empty: one is chosen, or any free one is taken. */
    readonly address: string;
    readonly networks?: readonly string[];
    readonly onClose: () => void;
    readonly onDone?: (() => void) | undefined;
  },
): VNode {
  const { onDone, networks = [] } = props;
  const [network, setNetwork] = useState(props.network);
  const [addresses, setAddresses] = useState(props.address);
  const [kind, setKind] = useState("StatefulSet");
  const [cluster, setCluster] = useState("local");
  const [namespace, setNamespace] = useState("");
  const [name, setName] = useState("");
  const [slot, setSlot] = useState("0");
  const [ifname, setIfname] = useState("eth0");
  const owner: OwnerRef = {
    cluster,
    group: KINDS[kind] ?? "",
    kind,
    namespace,
    name,
    slot,
    ifname,
  };
  const run = async (): Promise<void> => {
    const list = addresses.split(/[\s,]+/).filter((one) => one !== "");
    const change = list.length === 0
      ? await allocate({ network, owner })
      : await fix({ network, owner, addresses: list });
    onDone?.();
    say(t("fix.done", { addresses: change.addresses.join(", "), name }), {
      ...(change.outcome !== "created" ? {} : {
        undo: async () => {
          await unfix({ network, owner });
          onDone?.();
        },
      }),
    });
  };
  return (
    <TaskDialog
      title={t("fix.title")}
      action={t("action.fix")}
      onClose={props.onClose}
      disabled={name.trim() === "" || network === ""}
      fields={["network", "addresses", "ip", "owner"]}
      run={run}
    >
      {({ of }) => (
        <>
          {props.network === ""
            ? (
              <Field
                label={t("field.network")}
                value={network}
                onInput={setNetwork}
                suggestions={networks}
                faults={of("network")}
              />
            )
            : null}
          <Field
            label={t("fix.addresses")}
            value={addresses}
            onInput={setAddresses}
            mono
            hint={t("fix.addressesHint")}
            faults={[...of("addresses"), ...of("ip")]}
          />
          <div class="pair">
            <Field
              label={t("fix.kind")}
              value={kind}
              onInput={setKind}
              options={Object.keys(KINDS).map((one) => [one, one])}
            />
            <Field
              label={t("field.cluster")}
              value={cluster}
              onInput={setCluster}
              mono
              faults={of("owner.cluster")}
            />
          </div>
          <div class="pair">
            <Field
              label={t("field.namespace")}
              value={namespace}
              onInput={setNamespace}
              mono
              faults={of("owner.namespace")}
            />
            <Field
              label={t("field.name")}
              value={name}
              onInput={setName}
              mono
              required
              faults={of("owner.name")}
            />
          </div>
          <div class="pair">
            <Field
              label={t("fix.slot")}
              value={slot}
              onInput={setSlot}
              mono
              hint={t("fix.slotHint")}
              faults={of("owner.slot")}
            />
            <Field
              label={t("field.ifname")}
              value={ifname}
              onInput={setIfname}
              mono
              faults={of("owner.ifname")}
            />
          </div>
        </>
      )}
    </TaskDialog>
  );
}
