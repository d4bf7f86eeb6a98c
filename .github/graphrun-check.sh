#!/usr/bin/env bash
# What the action runs: annotations by `validate`, and a summary in Markdown with what is wrong, which expectations fail and what changed.
set -uo pipefail

summary=${GITHUB_STEP_SUMMARY:-/dev/stdout}
given=${GRAPHRUN_PATHS:-specs/}
given=${given%$'\n'} # of a block in YAML
paths=()
if [[ $given == *$'\n'* ]]; then # one a line, so that they may hold spaces
  while IFS= read -r line; do if [ -n "$line" ]; then paths+=("$line"); fi; done <<<"$given"
else
  read -r -a paths <<<"$given"
fi
options=()
if [ "${GRAPHRUN_STRICT:-false}" = true ]; then options+=(--strict); fi
if [ -n "${GRAPHRUN_BASELINE:-}" ]; then options+=(--baseline "$GRAPHRUN_BASELINE"); fi

fenced() { # standard input as a block that no line of it ends
  printf '~~~~~~text\n'
  cat
  printf '~~~~~~\n'
}

status=0
graphrun validate "${paths[@]}" "${options[@]}" --format github || status=$?
{
  printf '## graphrun\n\n'
  graphrun validate "${paths[@]}" "${options[@]}" --format text 2>&1 | fenced
} >>"$summary"

if [ "${GRAPHRUN_TEST:-true}" = true ] && [ "$status" = 0 ]; then
  found=$(graphrun test "${paths[@]}" 2>&1) || status=$?
  printf '%s\n' "$found"
  { printf '\n### Expectations\n\n'; printf '%s\n' "$found" | fenced; } >>"$summary"
fi

# Specs that differ from the revision, and those whose functions or data do; JUnit names them one a line.
changed() {
  graphrun validate "${paths[@]}" --changed-since "$1" --format junit 2>/dev/null |
    sed -n 's/.*<testcase [^>]*file="\([^"]*\)".*/\1/p' | sed 's/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g'
}

if [ -n "${GRAPHRUN_COMPARE:-}" ]; then
  if ! git rev-parse --verify --quiet "$GRAPHRUN_COMPARE^{commit}" >/dev/null; then
    printf '\nThis checkout does not hold `%s`, so that nothing is compared: `fetch-depth: 0` brings it.\n' "$GRAPHRUN_COMPARE" >>"$summary"
    echo "::warning title=graphrun::this checkout does not hold $GRAPHRUN_COMPARE: fetch-depth 0 brings it"
  else
    changed "$GRAPHRUN_COMPARE" | while IFS= read -r spec; do
      if git cat-file -e "$GRAPHRUN_COMPARE:./$spec" 2>/dev/null; then
        printf '\n' >>"$summary"
        graphrun diff "$GRAPHRUN_COMPARE:./$spec" "$spec" --format markdown >>"$summary" || true
      else
        printf '\n### `%s` is new\n\n' "$spec" >>"$summary"
        graphrun show "$spec" --layers 2>/dev/null | fenced >>"$summary"
      fi
    done
  fi
fi
exit "$status"
