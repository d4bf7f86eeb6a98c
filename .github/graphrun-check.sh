#!/usr/bin/env bash
# What the action runs: annotations by `validate`, and a summary in Markdown with what failed and what changed.
set -uo pipefail

summary=${GITHUB_STEP_SUMMARY:-/dev/stdout}
read -r -a paths <<<"${GRAPHRUN_PATHS:-specs/}"
options=()
if [ "${GRAPHRUN_STRICT:-false}" = true ]; then options+=(--strict); fi
if [ -n "${GRAPHRUN_BASELINE:-}" ]; then options+=(--baseline "$GRAPHRUN_BASELINE"); fi

status=0
graphrun validate "${paths[@]}" "${options[@]}" --format github || status=$?
{
  echo "## graphrun"
  echo
  echo '```'
  graphrun validate "${paths[@]}" "${options[@]}" --format text
  echo '```'
} >>"$summary"

if [ "${GRAPHRUN_TEST:-true}" = true ] && [ "$status" = 0 ]; then
  found=$(graphrun test "${paths[@]}" 2>&1) || status=$?
  printf '%s\n' "$found"
  printf '\n### Expectations\n\n```\n%s\n```\n' "$found" >>"$summary"
fi

if [ -n "${GRAPHRUN_COMPARE:-}" ]; then
  git diff --name-only --diff-filter=M "$GRAPHRUN_COMPARE" -- "${paths[@]}" | grep -E '\.ya?ml$' | while read -r spec; do
    printf '\n### %s\n\n' "$spec" >>"$summary"
    graphrun diff "$GRAPHRUN_COMPARE:$spec" "$spec" --format markdown >>"$summary" || true
  done
fi
exit "$status"
