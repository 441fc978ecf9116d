/** Fields of forms: label, what is typed, what it means, and what is wrong with it. @module */

import type { ComponentChildren, InputHTMLAttributes, VNode } from "preact";
import { useId } from "preact/hooks";
import type { FieldFault } from "../api/problem.ts";

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  /** Below the field while nothing is wrong. */
  readonly hint?: ComponentChildren;
  readonly faults?: readonly FieldFault[];
  readonly mono?: boolean;
  readonly type?: "text" | "password" | "datetime-local";
  readonly placeholder?: string;
  readonly required?: boolean;
  readonly disabled?: boolean;
  readonly autocomplete?: "off" | "username" | "current-password" | "new-password";
  readonly name?: string;
  readonly rows?: number;
  readonly options?: readonly (readonly [value: string, text: string])[];
  readonly suggestions?: readonly string[];
}

/** A field: text, several lines with `rows`, a choice with `options`. */
export function Field(props: FieldProps): VNode {
  const id = useId();
  const { label, value, hint, faults = [], mono = false } = props;
  const wrong = faults.length > 0;
  const common = {
    id,
    value,
    name: props.name,
    class: mono ? "mono" : "",
    disabled: props.disabled,
    "aria-invalid": wrong ? ("true" as const) : undefined,
    "aria-describedby": `${id}-about`,
    "aria-required": props.required === true ? ("true" as const) : undefined,
  };
  return (
    <div class={wrong ? "field wrong" : "field"}>
      <label for={id}>{label}</label>
      {props.options !== undefined
        ? (
          <select {...common} onChange={(event) => props.onInput(event.currentTarget.value)}>
            {props.options.map(([option, text]) => (
              <option key={option} value={option} selected={option === value}>{text}</option>
            ))}
          </select>
        )
        : props.rows !== undefined
        ? (
          <textarea
            {...common}
            rows={props.rows}
            placeholder={props.placeholder}
            spellcheck={false}
            onInput={(event) => props.onInput(event.currentTarget.value)}
          />
        )
        : (
          <Input
            common={{
              ...common,
              spellcheck: false,
              autocomplete: props.autocomplete ?? "off",
              onInput: (event) => props.onInput(event.currentTarget.value),
              ...(props.placeholder === undefined ? {} : { placeholder: props.placeholder }),
            }}
            type={props.type ?? "text"}
            list={props.suggestions === undefined ? undefined : `${id}-list`}
          />
        )}
      {props.suggestions === undefined ? null : (
        <datalist id={`${id}-list`}>
          {props.suggestions.map((one) => <option key={one} value={one} />)}
        </datalist>
      )}
      <div id={`${id}-about`} class="about">
        {wrong
          ? faults.map(({ message, remedy }) => (
            <p key={message} class="fault">
              {message}
              {remedy === undefined ? null : <span class="remedy">{remedy}</span>}
            </p>
          ))
          : hint === undefined
          ? null
          : <p class="hint">{hint}</p>}
      </div>
    </div>
  );
}

/** A box to tick. */
export function Tick(
  props: {
    readonly label: string;
    readonly checked: boolean;
    readonly onChange: (checked: boolean) => void;
    readonly hint?: string;
  },
): VNode {
  return (
    <label class="tick">
      <input
        type="checkbox"
        checked={props.checked}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <span>{props.label}</span>
      {props.hint === undefined ? null : <span class="hint">{props.hint}</span>}
    </label>
  );
}

type Common = Omit<InputHTMLAttributes<HTMLInputElement>, "type" | "list" | "role">;

/** What an input may have depends on its type, so each is written out. */
function Input(
  { common, type, list }: {
    readonly common: Common;
    readonly type: "text" | "password" | "datetime-local";
    readonly list: string | undefined;
  },
): VNode {
  if (type === "password") return <input {...common} type="password" />;
  if (type === "datetime-local") return <input {...common} type="datetime-local" step="1" />;
  return list === undefined
    ? <input {...common} type="text" />
    : <input {...common} type="text" list={list} />;
}
