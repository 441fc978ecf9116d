/**
 * What is wrong with a configuration, in the words of whoever wrote it.
 *
 * @module
 */

import { closestString } from "@std/text/closest-string";
import type * as v from "valibot";
import { knownFields } from "./config_schema.ts";
import { FabricError } from "./error.ts";
import { withoutPassword } from "./http.ts";

type Issue = v.BaseIssue<unknown>;

/** The problem that valibot found, in our words; `origin` tells where a field was set. */
export function configFault(issue: Issue, origin: (field: string) => string): FabricError {
  const field = (issue.path ?? []).map(({ key }) =>
    typeof key === "number" ? `[${key}]` : `.${key}`
  )
    .join("").replace(/^\./, "");
  const where = origin(field);
  if (issue.type === "strict_object" && issue.expected === "never") {
    // A list is an object too, to valibot: its first index is then the field that is not known.
    if (!Array.isArray(issue.path?.at(-1)?.input)) return unknownField(issue, { field, where });
    const list = field.slice(0, Math.max(0, field.lastIndexOf(".")));
    const subject = list === "" ? where : `${list} of ${where}`;
    return new FabricError("invalid", `Cannot use ${subject}: it is a list, not a mapping`, {
      field: list,
      remedy: "write it as fields with values",
    });
  }
  if (issue.received === "undefined") {
    return new FabricError("invalid", `Cannot use ${where}: ${field} is missing`, {
      field,
      remedy: `set ${field}`,
    });
  }
  const inner = deepest(issue);
  const text = String(inner.input);
  const shown = text.includes(":") ? withoutPassword(text) : text;
  const value = typeof inner.input === "object" ? "" : ` "${shown}"`;
  const subject = field === "" ? where : `${field}${value} of ${where}`;
  return new FabricError("invalid", `Cannot use ${subject}: ${inner.message}`, {
    field,
    ...(value === "" ? {} : { value: shown }),
    remedy: `correct ${field === "" ? "it" : field}`,
  });
}

/** For a union, the problem of the alternative that the value was closest to. */
function deepest(issue: Issue): Issue {
  const inner = issue.issues?.find(({ received }) => received === issue.received) ??
    issue.issues?.at(-1);
  return inner === undefined || issue.type !== "union"
    ? issue
    : { ...inner, message: issue.message };
}

/** The value is not shown: whoever writes `password:` here meant it to be a secret. */
function unknownField(
  issue: Issue,
  { field, where }: { readonly field: string; readonly where: string },
): FabricError {
  const dot = field.lastIndexOf(".");
  const known = knownFields(field.slice(0, Math.max(0, dot)));
  const near = closestString(field.slice(dot + 1), known, { caseSensitive: false });
  const remedy = /password|secret|token/i.test(field)
    ? "write it into a file that nobody else can read, and name that file in etcd.passwordFile"
    : `did you mean ${near}; known: ${known.join(", ")}`;
  return new FabricError("invalid", `Cannot use ${where}: unknown field ${field}`, {
    field,
    remedy,
    cause: issue.type,
  });
}
