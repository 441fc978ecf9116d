/** The fields of a network's form. @module */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Network } from "../api/objects.ts";
import type { FieldFault } from "../api/problem.ts";
import { formatCount } from "../format.ts";
import { t } from "../i18n.ts";
import { Button } from "../ui/bits.tsx";
import { Field, Tick } from "../ui/field.tsx";
import { PhysicalNetworkDialog } from "./infra_dialogs.tsx";
import { type Draft, EMPTY_SUBNET, factsOf, sameVlan, type SubnetDraft } from "./network_draft.ts";

interface FieldsProps {
  readonly draft: Draft;
  readonly isNew: boolean;
  readonly onChange: (part: Partial<Draft>) => void;
  readonly faults: readonly FieldFault[];
  readonly others: readonly Network[];
  readonly physical: readonly string[];
  readonly zones: readonly string[];
  /** One was added. */
  readonly onPhysical: () => void;
}

export function NetworkFields(props: FieldsProps): VNode {
  const { draft, onChange, faults, others } = props;
  const of = (prefix: string): readonly FieldFault[] =>
    faults.filter(({ field }) =>
      field === prefix || field.startsWith(`${prefix}[`) || field.startsWith(`${prefix}.`)
    );
  const twins = sameVlan(draft, others);
  const wire = draft.physicalNetwork.trim();
  const unknown = wire !== "" && !props.physical.includes(wire);
  const [adding, setAdding] = useState(false);
  const set = (key: keyof Draft) => (value: string): void => onChange({ [key]: value });
  return (
    <div class="fields">
      <fieldset>
        <legend>{t("form.where")}</legend>
        <div class="pair">
          <Field
            label={t("field.name")}
            value={draft.name}
            onInput={set("name")}
            mono
            required
            disabled={!props.isNew}
            hint={props.isNew ? t("hint.name") : undefined}
            faults={of("metadata.name")}
          />
          <Field
            label={t("field.description")}
            value={draft.description}
            onInput={set("description")}
            faults={of("spec.description")}
          />
        </div>
        <div class="triple">
          <Field
            label={t("field.physicalNetwork")}
            value={draft.physicalNetwork}
            onInput={set("physicalNetwork")}
            required
            suggestions={props.physical}
            hint={unknown
              ? (
                <button type="button" class="as-link" onClick={() => setAdding(true)}>
                  {t("infra.create", { name: draft.physicalNetwork.trim() })}
                </button>
              )
              : props.physical.slice(0, 6).join(", ")}
            faults={of("spec.physicalNetwork")}
          />
          <Field
            label={t("field.vlan")}
            value={draft.vlan}
            onInput={set("vlan")}
            mono
            required
            hint={twins.length > 0
              ? <span class="warn-text">{t("hint.sameVlan", { names: twins.join(", ") })}</span>
              : t("hint.vlan")}
            faults={of("spec.vlan")}
          />
          <Field
            label={t("field.mtu")}
            value={draft.mtu}
            onInput={set("mtu")}
            mono
            hint={t("hint.mtu")}
            faults={of("spec.mtu")}
          />
        </div>
        <Field
          label={t("field.zones")}
          value={draft.zones}
          onInput={set("zones")}
          hint={t("hint.zones", { zones: props.zones.slice(0, 8).join(", ") || "–" })}
          faults={of("spec.zones")}
        />
      </fieldset>
      <fieldset>
        <legend>{t("network.subnets")}</legend>
        {of("spec.subnets").filter(({ field }) => field === "spec.subnets").map(({ message }) => (
          <p class="fault" key={message}>{message}</p>
        ))}
        {draft.subnets.map((subnet, index) => (
          <SubnetFields
            key={index}
            index={index}
            subnet={subnet}
            others={others}
            of={of}
            removable={draft.subnets.length > 1}
            onChange={(part) =>
              onChange({
                subnets: draft.subnets.map((one, i) => i === index ? { ...one, ...part } : one),
              })}
            onRemove={() => onChange({ subnets: draft.subnets.filter((_, i) => i !== index) })}
          />
        ))}
        <Button icon="plus" onClick={() => onChange({ subnets: [...draft.subnets, EMPTY_SUBNET] })}>
          {t("form.addSubnet")}
        </Button>
        <Tick
          label={t("field.allowOverlap")}
          checked={draft.allowOverlap}
          onChange={(allowOverlap) => onChange({ allowOverlap })}
        />
      </fieldset>
      <details class="more" open={hasMore(draft)}>
        <summary>{t("form.more")}</summary>
        <div class="pair">
          <Field
            label={t("field.nameservers")}
            value={draft.nameservers}
            onInput={set("nameservers")}
            mono
            faults={of("spec.dns.nameservers")}
          />
          <Field
            label={t("field.search")}
            value={draft.search}
            onInput={set("search")}
            mono
            faults={of("spec.dns.search")}
          />
        </div>
        <div class="pair">
          <Field
            label={t("field.routes")}
            value={draft.routes}
            onInput={set("routes")}
            mono
            rows={3}
            placeholder="10.0.0.0/8 via 10.10.0.254"
            hint={t("hint.routes")}
            faults={of("spec.routes")}
          />
          <Field
            label={t("field.labels")}
            value={draft.labels}
            onInput={set("labels")}
            mono
            rows={3}
            placeholder="tenant=cards"
            hint={t("hint.labels")}
            faults={of("metadata.labels")}
          />
        </div>
        <div class="triple">
          <Field
            label={t("field.clusters")}
            value={draft.clusters}
            onInput={set("clusters")}
            mono
            hint={t("hint.everyone")}
            faults={of("spec.allowed.clusters")}
          />
          <Field
            label={t("field.namespaces")}
            value={draft.namespaces}
            onInput={set("namespaces")}
            mono
            hint={t("hint.everyone")}
            faults={of("spec.allowed.namespaces")}
          />
          <Field
            label={t("field.tenants")}
            value={draft.tenants}
            onInput={set("tenants")}
            mono
            hint={t("hint.everyone")}
            faults={of("spec.allowed.tenants")}
          />
        </div>
        <Field
          label={t("field.cooling")}
          value={draft.cooling}
          onInput={set("cooling")}
          mono
          hint={t("hint.cooling")}
          faults={of("spec.coolingSeconds")}
        />
      </details>
      {adding
        ? (
          <PhysicalNetworkDialog
            name={wire}
            onClose={() => setAdding(false)}
            onDone={props.onPhysical}
          />
        )
        : null}
    </div>
  );
}

function hasMore(draft: Draft): boolean {
  const { nameservers, search, routes, labels, clusters, namespaces, tenants, cooling } = draft;
  return [nameservers, search, routes, labels, clusters, namespaces, tenants, cooling]
    .some((value) => value !== "");
}

function SubnetFields(
  props: {
    readonly index: number;
    readonly subnet: SubnetDraft;
    readonly others: readonly Network[];
    readonly of: (prefix: string) => readonly FieldFault[];
    readonly removable: boolean;
    readonly onChange: (part: Partial<SubnetDraft>) => void;
    readonly onRemove: () => void;
  },
): VNode {
  const { index, subnet, of, onChange } = props;
  const at = `spec.subnets[${index}]`;
  const facts = factsOf(subnet, props.others);
  const own = of(at).filter(({ field }) => field === at);
  return (
    <div class="subnet" role="group" aria-label={`${t("network.subnet")} ${index + 1}`}>
      <div class="pair">
        <Field
          label={t("field.cidr")}
          value={subnet.cidr}
          onInput={(cidr) => onChange({ cidr })}
          mono
          required
          placeholder="10.10.0.0/24"
          hint={facts === undefined ? t("hint.cidr") : (
            <>
              {t("hint.capacity", {
                count: formatCount(facts.capacity),
                first: facts.first,
                last: facts.last,
              })}
              {facts.overlaps.length === 0 ? null : (
                <span class="warn-text block">
                  {t("hint.overlaps", { names: facts.overlaps.join(", ") })}
                </span>
              )}
            </>
          )}
          faults={[...of(`${at}.cidr`), ...own]}
        />
        <div class="with-button">
          <Field
            label={t("field.gateway")}
            value={subnet.gateway}
            onInput={(gateway) => onChange({ gateway })}
            mono
            placeholder={facts?.gateway ?? ""}
            hint={t("hint.gateway")}
            faults={of(`${at}.gateway`)}
          />
          {facts !== undefined && subnet.gateway === ""
            ? (
              <Button look="quiet" onClick={() => onChange({ gateway: facts.gateway })}>
                {facts.gateway}
              </Button>
            )
            : null}
        </div>
      </div>
      <div class="pair">
        <Field
          label={t("field.ranges")}
          value={subnet.ranges}
          onInput={(ranges) => onChange({ ranges })}
          mono
          hint={t("hint.ranges")}
          faults={of(`${at}.ranges`)}
        />
        <Field
          label={t("field.exclude")}
          value={subnet.exclude}
          onInput={(exclude) => onChange({ exclude })}
          mono
          hint={t("hint.exclude")}
          faults={of(`${at}.exclude`)}
        />
      </div>
      {props.removable
        ? (
          <Button
            icon="trash"
            look="quiet"
            label={t("form.removeSubnet", { cidr: subnet.cidr })}
            onClick={props.onRemove}
          />
        )
        : null}
    </div>
  );
}
