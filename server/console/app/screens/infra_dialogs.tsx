/** Adds what networks stand on: physical networks and zones. @module */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { API_VERSION } from "../../../../mod/model/resource.ts";
import { request } from "../api/request.ts";
import { t } from "../i18n.ts";
import { Field } from "../ui/field.tsx";
import { TaskDialog } from "../ui/task.tsx";
import { say } from "../ui/toast.tsx";

interface DialogProps {
  readonly name?: string;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** Creates the object, and offers to delete it again. */
async function create(
  plural: "physicalnetworks" | "zones",
  document: { readonly kind: string; readonly name: string; readonly spec: unknown },
  onDone: () => void,
): Promise<void> {
  const { kind, name, spec } = document;
  const body = { apiVersion: API_VERSION, kind, metadata: { name }, spec };
  await request(`/${plural}`, { method: "POST", body });
  onDone();
  say(t("infra.created", { name }), {
    undo: async () => {
      const path = `/${plural}/${encodeURIComponent(name)}`;
      await request(path, { method: "DELETE", headers: { "if-match": "*" } });
      onDone();
    },
  });
}

function words(text: string): readonly string[] {
  return text.split(/[\s,;，、]+/).filter((one) => one !== "");
}

/** A layer-2 domain: a cable plant, a pair of switches. */
export function PhysicalNetworkDialog(props: DialogProps): VNode {
  const [name, setName] = useState(props.name ?? "");
  const [mtu, setMtu] = useState("1500");
  const [description, setDescription] = useState("");
  const spec = {
    mtu: /^\d+$/.test(mtu.trim()) ? Number(mtu) : mtu,
    ...(description.trim() === "" ? {} : { description: description.trim() }),
  };
  return (
    <TaskDialog
      title={t("infra.addPhysical")}
      action={t("action.create")}
      onClose={props.onClose}
      disabled={name.trim() === ""}
      fields={["metadata.name", "spec.mtu", "spec.description"]}
      run={() =>
        create(
          "physicalnetworks",
          { kind: "PhysicalNetwork", name: name.trim(), spec },
          props.onDone,
        )}
    >
      {({ of }) => (
        <>
          <p class="soft">{t("infra.aboutPhysical")}</p>
          <Field
            label={t("field.name")}
            value={name}
            onInput={setName}
            mono
            faults={of("metadata.name")}
          />
          <Field label={t("field.mtu")} value={mtu} onInput={setMtu} mono faults={of("spec.mtu")} />
          <Field
            label={t("field.description")}
            value={description}
            onInput={setDescription}
            faults={of("spec.description")}
          />
        </>
      )}
    </TaskDialog>
  );
}

/** The nodes that share physical networks. */
export function ZoneDialog(
  props: DialogProps & { readonly physical: readonly string[] },
): VNode {
  const [name, setName] = useState("");
  const [physical, setPhysical] = useState(
    props.physical.length === 1 ? props.physical[0] ?? "" : "",
  );
  const [description, setDescription] = useState("");
  const spec = {
    physicalNetworks: words(physical),
    ...(description.trim() === "" ? {} : { description: description.trim() }),
  };
  return (
    <TaskDialog
      title={t("infra.addZone")}
      action={t("action.create")}
      onClose={props.onClose}
      disabled={name.trim() === ""}
      fields={["metadata.name", "spec.physicalNetworks", "spec.description"]}
      run={() => create("zones", { kind: "Zone", name: name.trim(), spec }, props.onDone)}
    >
      {({ of }) => (
        <>
          <p class="soft">{t("infra.aboutZone")}</p>
          <Field
            label={t("field.name")}
            value={name}
            onInput={setName}
            mono
            faults={of("metadata.name")}
          />
          <Field
            label={t("infra.physical")}
            value={physical}
            onInput={setPhysical}
            mono
            hint={props.physical.join(", ")}
            faults={of("spec.physicalNetworks")}
          />
          <Field
            label={t("field.description")}
            value={description}
            onInput={setDescription}
            faults={of("spec.description")}
          />
        </>
      )}
    </TaskDialog>
  );
}
