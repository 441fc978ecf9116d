/**
 * Reports of Ginkgo, in which the tests of Kubernetes are written.
 *
 * @module
 */

import * as v from "valibot";

/** What became of one test. */
export interface GinkgoResult {
  /** With all its tags. */
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed, with the end of its log; or why it skipped itself. */
  readonly message: string;
}

/** Characters. */
const LOG_LENGTH = 6000;

const Report = v.array(v.object({
  SpecReports: v.nullable(v.array(v.object({
    ContainerHierarchyTexts: v.nullable(v.array(v.string())),
    LeafNodeType: v.string(),
    LeafNodeText: v.string(),
    State: v.string(),
    Failure: v.optional(v.object({ Message: v.string() })),
    CapturedGinkgoWriterOutput: v.optional(v.string(), ""),
  }))),
}));

/** The tests of a report (`--json-report`) that ran, or skipped themselves; by name. */
export function readGinkgoReport(text: string): readonly GinkgoResult[] {
  return v.parse(Report, JSON.parse(text)).flatMap(({ SpecReports }) =>
    (SpecReports ?? []).flatMap((spec): readonly GinkgoResult[] => {
      const name = [...spec.ContainerHierarchyTexts ?? [], spec.LeafNodeText].join(" ");
      const message = spec.Failure?.Message ?? "";
      if (spec.LeafNodeType !== "It") return [];
      if (spec.State === "passed") return [{ name, outcome: "passed", message }];
      if (spec.State === "skipped") {
        return message === "" ? [] : [{ name, outcome: "skipped", message }];
      }
      if (spec.State === "pending") return [];
      const log = spec.CapturedGinkgoWriterOutput.slice(-LOG_LENGTH);
      return [{ name, outcome: "failed", message: `${message}\n${log}` }];
    })
  ).toSorted((one, other) => one.name < other.name ? -1 : 1);
}
