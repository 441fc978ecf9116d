/** Adds or edits a network: checked as it is typed, here and by the server, before it is saved. @module */

import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useLive } from "../api/live.ts";
import { useLoad } from "../api/load.ts";
import { askAll, type Network, PhysicalNetworkSchema, ZoneSchema } from "../api/objects.ts";
import { asProblem, type FieldFault, type Problem } from "../api/problem.ts";
import { readNetworks } from "../api/queries.ts";
import { request } from "../api/request.ts";
import { formatClock } from "../format.ts";
import { t } from "../i18n.ts";
import { go, guardLeaving, pathOf } from "../router.tsx";
import { PageHead } from "../shell.tsx";
import { Button } from "../ui/bits.tsx";
import { problemText, Ready } from "../ui/states.tsx";
import { say } from "../ui/toast.tsx";
import { ConflictBand } from "./network_conflict.tsx";
import {
  compareDrafts,
  documentOf,
  type Draft,
  draftOf,
  EMPTY,
  faultsOf,
  mergeDrafts,
} from "./network_draft.ts";
import { NetworkFields } from "./network_fields.tsx";
import { type Guarded, readNetwork } from "./network.tsx";
import { yamlOf } from "./network_yaml.tsx";

/** A draft that outlives the page: a reload, a closed tab of a session that ended. */
interface Kept {
  readonly draft: Draft;
  readonly at: number;
  readonly base: Guarded | undefined;
}

function keyOf(name: string | undefined): string {
  return `fabric.draft.${name ?? ""}`;
}

function recall(name: string | undefined): Kept | undefined {
  try {
    const text = sessionStorage.getItem(keyOf(name));
    if (text === null) return undefined;
    const kept: Partial<Kept> = JSON.parse(text);
    const { draft, at, base } = kept;
    return draft === undefined || at === undefined ? undefined : { draft, at, base };
  } catch {
    return undefined;
  }
}

function keep(name: string | undefined, kept: Kept | undefined): void {
  try {
    if (kept === undefined) sessionStorage.removeItem(keyOf(name));
    else sessionStorage.setItem(keyOf(name), JSON.stringify(kept));
  } catch {
    // It lasts as long as the page, then.
  }
}

export function NetworkForm({ name }: { readonly name?: string }): VNode {
  if (name === undefined) return <Editor name={undefined} base={undefined} />;
  return <Existing name={name} />;
}

function Existing({ name }: { readonly name: string }): VNode {
  const [first, setFirst] = useState<Guarded>();
  const loaded = useLoad(`edit ${name}`, async (aborted) => {
    const guarded = await readNetwork(name, aborted);
    setFirst((before) => before ?? guarded);
    return guarded;
  });
  // What changes meanwhile is told in the form; what is typed stays.
  useLive({
    kinds: ["networks"],
    network: name,
    onChange: loaded.reload,
    onLost: loaded.reload,
  });
  return (
    <Ready loaded={loaded}>
      {(now) => first === undefined ? null : <Editor name={name} base={first} now={now} />}
    </Ready>
  );
}

function Editor(
  { name, base: first, now }: {
    readonly name: string | undefined;
    readonly base: Guarded | undefined;
    /** As it stands now, where it was changed meanwhile. */
    readonly now?: Guarded;
  },
): VNode {
  const kept = useMemo(() => recall(name), [name]);
  const [base, setBase] = useState(kept?.base ?? first);
  const start = base === undefined ? EMPTY : draftOf(base.network);
  const [draft, setDraft] = useState(kept?.draft ?? start);
  const [restored, setRestored] = useState(kept?.at);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [tried, setTried] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const networks = useLoad("networks", readNetworks);
  const others = (networks.value ?? []).filter(({ metadata }) => metadata.name !== name);
  const physical = useLoad(
    "physicalnetworks",
    (signal) => askAll("/physicalnetworks", PhysicalNetworkSchema, { signal }),
  );
  const zones = useLoad("zones", (signal) => askAll("/zones", ZoneSchema, { signal }));

  const document = useMemo(() => documentOf(draft, base?.network), [draft, base]);
  const local = useMemo(() => faultsOf(document), [document]);
  const remote = useServerFaults({ name, document, base, on: local.length === 0 });
  const dirty = JSON.stringify(draft) !== JSON.stringify(start);
  const saved = useRef(false);

  useEffect(() => {
    if (!saved.current) {
      keep(name, dirty ? { draft, at: Date.now(), base } : undefined);
    }
  }, [draft, dirty, base]);
  useEffect(() =>
    guardLeaving(() => {
      if (!dirty || saved.current) return true;
      // The draft is kept: coming back brings it back.
      say(t("form.kept"));
      return true;
    }), [dirty]);

  const change = (part: Partial<Draft>): void => {
    setDraft({ ...draft, ...part });
    setTouched(new Set([...touched, ...Object.keys(part)]));
    setProblem(undefined);
  };
  const discard = (): void => {
    keep(name, undefined);
    setRestored(undefined);
    setBase(first);
    setDraft(first === undefined ? EMPTY : draftOf(first.network));
    setTouched(new Set());
  };
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    setTried(true);
    if (local.length > 0) return focusFault();
    setBusy(true);
    try {
      const to = await write({ name, document, base });
      saved.current = true;
      keep(name, undefined);
      go(pathOf("networks", to));
      say(t(name === undefined ? "form.created" : "form.saved", { name: to }));
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
      focusFault();
    }
  };
  const theirs = now !== undefined && base !== undefined && now.etag !== base.etag
    ? now
    : undefined;
  const shown = [...local.filter((fault) => tried || isTouched(fault, touched)), ...remote.faults];
  const faults = [
    ...(problem?.faults ?? []),
    ...shown.filter((fault) => !(problem?.faults ?? []).some(({ field }) => field === fault.field)),
  ];
  const title = name === undefined ? t("networks.add") : t("form.edit", { name });
  const back = name === undefined ? "/networks" : pathOf("networks", name);
  return (
    <form class="form-page" onSubmit={save} noValidate>
      <PageHead title={title} back={[back, name ?? t("networks.title")]}>
        <Button onClick={() => go(back)}>{t("action.cancel")}</Button>
        <Button type="submit" look="main" busy={busy} disabled={theirs !== undefined}>
          {name === undefined ? t("form.create") : t("form.save")}
        </Button>
      </PageHead>
      {restored === undefined || !dirty ? null : (
        <div class="band" role="status">
          <span>{t("form.restored", { time: formatClock(restored) })}</span>
          <Button look="quiet" onClick={discard}>{t("form.discard")}</Button>
        </div>
      )}
      {theirs === undefined || base === undefined ? null : (
        <ConflictBand
          differences={compareDrafts(draftOf(base.network), draftOf(theirs.network), draft)}
          onMerge={() => {
            setDraft(mergeDrafts(draftOf(base.network), draftOf(theirs.network), draft));
            setBase(theirs);
            setProblem(undefined);
          }}
          onTheirs={() => {
            setDraft(draftOf(theirs.network));
            setBase(theirs);
            setProblem(undefined);
          }}
        />
      )}
      {problem === undefined || problem.status === 412 ? null : (
        <div class="band bad" role="alert">
          <span>{problemText(problem)}</span>
          {problem.holders.length === 0
            ? null
            : <span class="mono">{problem.holders.slice(0, 5).join(", ")}</span>}
        </div>
      )}
      <div class="columns form-columns">
        <NetworkFields
          draft={draft}
          isNew={name === undefined}
          onChange={change}
          faults={faults}
          others={others}
          physical={(physical.value ?? []).map(({ metadata }) => metadata.name)}
          onPhysical={physical.reload}
          zones={(zones.value ?? []).map(({ metadata }) => metadata.name)}
        />
        <aside class="preview">
          <h2>{t("form.preview")}</h2>
          <Verdict local={local.length} remote={remote} />
          <pre
            class="code"
            tabIndex={0}
            aria-label={t("form.preview")}
          >{yamlOf(written(document))}</pre>
        </aside>
      </div>
    </form>
  );
}

/** As somebody would write it: without what the server keeps. */
function written(document: Readonly<Record<string, unknown>>): unknown {
  const { metadata, ...rest } = document;
  if (typeof metadata !== "object" || metadata === null) return document;
  const own = Object.entries(metadata).filter(([key]) =>
    key === "name" || key === "labels" || key === "annotations"
  );
  const { apiVersion, kind, ...others } = rest;
  return { apiVersion, kind, metadata: Object.fromEntries(own), ...others };
}

function isTouched({ field }: FieldFault, touched: ReadonlySet<string>): boolean {
  const name = FIELD_OF.find(([prefix]) => field.startsWith(prefix))?.[1];
  return name !== undefined && touched.has(name);
}

const FIELD_OF: readonly (readonly [prefix: string, name: keyof Draft])[] = [
  ["metadata.name", "name"],
  ["metadata.labels", "labels"],
  ["spec.physicalNetwork", "physicalNetwork"],
  ["spec.vlan", "vlan"],
  ["spec.mtu", "mtu"],
  ["spec.zones", "zones"],
  ["spec.subnets", "subnets"],
  ["spec.coolingSeconds", "cooling"],
  ["spec.dns.nameservers", "nameservers"],
  ["spec.dns.search", "search"],
  ["spec.routes", "routes"],
  ["spec.allowed.clusters", "clusters"],
  ["spec.allowed.namespaces", "namespaces"],
  ["spec.allowed.tenants", "tenants"],
];

function focusFault(): void {
  requestAnimationFrame(() => {
    const first = globalThis.document.querySelector<HTMLElement>("[aria-invalid=true]");
    first?.focus();
    first?.scrollIntoView({ block: "center" });
  });
}

/** Saves; returns the name. */
async function write(
  { name, document, base }: {
    readonly name: string | undefined;
    readonly document: Readonly<Record<string, unknown>>;
    readonly base: Guarded | undefined;
  },
): Promise<string> {
  if (name === undefined) {
    const { body } = await request("/networks", { method: "POST", body: document });
    return nameOf(body);
  }
  await request(pathOf("networks", name), {
    method: "PUT",
    body: document,
    headers: { "if-match": base?.etag ?? "*" },
  });
  return name;
}

function nameOf(body: unknown): string {
  const network: Partial<Network> = typeof body === "object" && body !== null ? body : {};
  return network.metadata?.name ?? "";
}

interface ServerFaults {
  readonly state: "unknown" | "asking" | "good" | "bad" | "unreachable";
  readonly faults: readonly FieldFault[];
  readonly text: string;
}

const UNKNOWN: ServerFaults = { state: "unknown", faults: [], text: "" };

/** What the server would say, asked when nothing has been typed for a moment. */
function useServerFaults(
  { name, document, base, on }: {
    readonly name: string | undefined;
    readonly document: Readonly<Record<string, unknown>>;
    readonly base: Guarded | undefined;
    readonly on: boolean;
  },
): ServerFaults {
  const [state, setState] = useState<ServerFaults>(UNKNOWN);
  const text = JSON.stringify(document);
  useEffect(() => {
    setState(on ? { ...UNKNOWN, state: "asking" } : UNKNOWN);
    if (!on) return;
    const aborted = new AbortController();
    const timer = setTimeout(() => {
      const path = name === undefined ? "/networks" : pathOf("networks", name);
      request(path, {
        method: name === undefined ? "POST" : "PUT",
        query: { dryRun: true },
        body: document,
        headers: name === undefined ? {} : { "if-match": base?.etag ?? "*" },
        signal: aborted.signal,
      }).then(
        () => setState({ state: "good", faults: [], text: "" }),
        (error) => {
          if (aborted.signal.aborted) return;
          const problem = asProblem(error);
          if (problem.status === 412) return setState(UNKNOWN);
          const down = problem.status === 0 || problem.status >= 500;
          setState({
            state: down ? "unreachable" : "bad",
            faults: down ? [] : problem.faults,
            text: problemText(problem),
          });
        },
      );
    }, 350);
    return () => {
      clearTimeout(timer);
      aborted.abort();
    };
  }, [text, on, base?.etag]);
  return state;
}

function Verdict(
  { local, remote }: { readonly local: number; readonly remote: ServerFaults },
): VNode {
  if (local > 0) return <p class="verdict warn">{t("form.faults", { count: local })}</p>;
  switch (remote.state) {
    case "good":
      return <p class="verdict good">{t("form.good")}</p>;
    case "bad":
      return <p class="verdict bad" role="alert">{remote.text}</p>;
    case "unreachable":
      return <p class="verdict warn">{remote.text}</p>;
    default:
      return <p class="verdict">{t("form.asking")}</p>;
  }
}
