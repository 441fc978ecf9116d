/**
 * `completion`: what a shell needs to complete our command lines. Each script asks the program itself
 * (`__complete`), so it stays right whatever the program learns.
 *
 * @module
 */

import type { Call, Command } from "./command.ts";
import { complete } from "./complete.ts";
import type { AdminContext } from "./context.ts";

/**
 * bash breaks words at `=` and `:`, which names (IPv6) and flags have: the line is split here at
 * blanks, and what stands before the last such character is taken off the answer again.
 */
const BASH = `# bash completion for fabric-admin: source <(fabric-admin completion bash)
_fabric_admin() {
  local line=\${COMP_LINE:0:COMP_POINT} words=() current prefix="" candidate rest
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=\${words[\${#words[@]}-1]}
  [[ $current == *[=:]* ]] && prefix=\${current%"\${current##*[=:]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate rest; do
    case $candidate in
      :files)
        compopt -o filenames 2>/dev/null
        while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done \\
          < <(compgen -f -- "\${current#"$prefix"}") ;;
      "$current"*) COMPREPLY+=("\${candidate#"$prefix"}") ;;
    esac
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *[=/] ]]; then
    compopt -o nospace 2>/dev/null
  fi
  return 0
}
complete -F _fabric_admin fabric-admin
`;

const ZSH = `#compdef fabric-admin
# zsh completion for fabric-admin: source <(fabric-admin completion zsh)
_fabric_admin() {
  local line
  local -a candidates
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :files) _files; return ;;
      "") ;;
      *) candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  _describe -t values 'fabric-admin' candidates
}
compdef _fabric_admin fabric-admin
`;

const FISH = `# fish completion for fabric-admin: fabric-admin completion fish | source
function __fabric_admin_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
    if test "$line" = ":files"
      __fish_complete_path "$current"
    else
      echo $line
    end
  end
end
complete -c fabric-admin -f -a '(__fabric_admin_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

function commandFor(shell: string, install: string): Command {
  return {
    name: `completion ${shell}`,
    summary: `Print the completion script of ${shell}`,
    args: "",
    count: { min: 0, max: 0 },
    group: "other",
    flags: [],
    notes: [
      "Commands, flags, kinds, and the names of objects in etcd are completed.",
    ],
    examples: [[`completion ${shell} ${install}`, "for good"]],
    run: (context) => context.write(SCRIPTS[shell] ?? ""),
  };
}

/** `completion bash`, `completion zsh`, `completion fish`. */
export const COMPLETIONS: readonly Command[] = [
  commandFor("bash", ">/etc/bash_completion.d/fabric-admin"),
  commandFor("zsh", ">~/.zsh/completions/_fabric-admin"),
  commandFor("fish", ">~/.config/fish/completions/fabric-admin.fish"),
];

/** `__complete`: a candidate per line with its meaning behind a tab, or `:files`. */
export function completeCommand(commands: () => readonly Command[]): Command {
  return {
    name: "__complete",
    summary: "Answer a completion script",
    args: "-- WORD...",
    count: { min: 0, max: Infinity },
    hidden: true,
    flags: [],
    examples: [["__complete -- get net", "what may stand there"]],
    async run(context: AdminContext, { args }: Call): Promise<void> {
      // A shell that completes says nothing of what went wrong.
      const found = await complete(context, args, commands()).catch(() => []);
      if (found === undefined) return context.write(":files\n");
      for (const { word, text } of found) {
        context.write(text === "" ? `${word}\n` : `${word}\t${text}\n`);
      }
    },
  };
}
