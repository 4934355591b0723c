#!/usr/bin/env bash
# Verifies a Keyturn trail without Keyturn: bash, jq, ssh-keygen (OpenSSH 8.8 or
# later) and sha256sum are all it needs.
#
#   verify-trail.sh TRAIL_DIR ALLOWED_SIGNERS
#
# ALLOWED_SIGNERS must be your own copy, not one that came with the trail. Its
# times must end in Z.
#
# It checks every signature, the chain, the digests of reports and journals, and
# that every approval is signed by somebody else for this very rotation. An
# emergency is approved afterwards, beside its record; where that approval is
# missing, stderr says so. It is
# weaker than "keyturn verify": of an approval it binds the rotation only, it
# does not look into the journals, and jq keeps the last of two equal members.
# Neither can tell that records were removed from the end: compare the head line
# it prints with one that was kept elsewhere.
set -euo pipefail
export LC_ALL=C

[ $# -eq 2 ] || { echo "usage: $0 TRAIL_DIR ALLOWED_SIGNERS" >&2; exit 2; }
trail=$1 signers=$2
[ -r "$signers" ] || { echo "$signers cannot be read" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bad() { echo "$1: $2" >&2; exit 1; }

# approved checks the approval in $work by the rotation and its approver: $1 is
# when, for ssh-keygen. It goes by the variables of the loop below.
approved() {
  approver=$(ssh-keygen -Y find-principals -f "$signers" -s "$work/request.sig" -Overify-time="$1" 2>/dev/null) ||
    bad "$dir" "BAD approval: its key is not among the signers"
  [ "$approver" != "$who" ] || bad "$dir" "BAD approval: $who approved their own record"
  ssh-keygen -Y verify -f "$signers" -I "$approver" -n keyturn-approval -s "$work/request.sig" -Overify-time="$1" \
    <"$work/request" >/dev/null 2>&1 || bad "$dir" "BAD approval signature"
  grep -qx "Rotation: $rotation" "$work/request" || bad "$dir" "BAD approval: it is for another rotation"
}

# compact turns 2026-01-05T16:21:00Z into 20260105162100Z for ssh-keygen.
compact='def compact: gsub("[-:T]"; "");'

prev=$(printf '0%.0s' {1..64})
id=$(cat "$trail/id")
n=0
for dir in "$trail"/[0-9]*-*/; do
  [ -d "$dir" ] || break
  dir=${dir%/} r=${dir%/}/record.json n=$((n + 1))

  IFS=$'\t' read -r schema who at trail_id seq prev_said rotation report report_sum journal_sum approvals environments outcome kind < <(
    jq -r "$compact"' [.schema, .signer.principal, (.created_at | compact), .trail.id, .trail.seq, .trail.prev_sha256,
      .rotation.id, .report.name, .report.sha256, .journal.file_sha256, (.approvals | length),
      (.rotation.environments | join(",")), .rotation.outcome, .rotation.kind] | @tsv' "$r") || bad "$dir" "BAD record: it cannot be read"
  [ "$schema" = keyturn.record/v1 ] || bad "$dir" "BAD schema $schema"
  [ "$report" = report.md ] || bad "$dir" "BAD report name"

  ssh-keygen -Y verify -f "$signers" -I "$who" -n keyturn-record -s "$r.sig" -Overify-time="$at" <"$r" >/dev/null 2>&1 ||
    bad "$dir" "BAD record signature"
  [ "$trail_id" = "$id" ] && [ "$seq" = "$n" ] && [ "$prev_said" = "$prev" ] || bad "$dir" "BAD chain"
  printf '%s  %s\n' "$report_sum" "$dir/$report" "$journal_sum" "$dir/journal.jsonl" | sha256sum -c --quiet >/dev/null 2>&1 ||
    bad "$dir" "BAD digest of the report or the journal"

  late=$dir/approval-late.txt
  if [ "$kind" = emergency ] && [ -e "$late" ]; then
    cp "$late" "$work/request" && cp "$late.sig" "$work/request.sig" || bad "$dir" "BAD approval: its signature is missing"
    approved "$(sed -n 's/^Requested: //p' "$work/request" | tr -d 'T:-')"
    grep -qx "Head: $(sha256sum <"$r" | cut -d' ' -f1)" "$work/request" || bad "$dir" "BAD approval: it is for another record"
  elif [ "$kind" = emergency ]; then
    [ "$environments" = staging ] || echo "$dir: the approval by a second person is missing" >&2
  elif [ "$approvals" -eq 0 ] && [ "$environments" != staging ] && [ "$outcome" != abandoned ]; then
    bad "$dir" "BAD approval: there is none, and production was among its environments"
  fi
  for ((i = 0; i < approvals; i++)); do
    jq -j ".approvals[$i].request" "$r" >"$work/request"
    jq -j ".approvals[$i].signature" "$r" >"$work/request.sig"
    when=$(jq -r "$compact .approvals[$i].accepted_at | compact" "$r")
    approved "$when"
  done

  prev=$(sha256sum <"$r")
  prev=${prev%% *}
done

head="keyturn-trail v1 $id $n sha256:$prev"
if [ -e "$trail/HEAD" ] && [ "$(cat "$trail/HEAD")" != "$head" ]; then
  bad "$trail/HEAD" "BAD head: the last record is $n, with sha256:$prev"
fi
echo "OK $n records"
echo "$head"
