#!/usr/bin/env bash
# Verifies a Keyturn trail without Keyturn: bash, jq, ssh-keygen (OpenSSH 9.1 or
# later) and sha256sum are all it needs.
#
#   verify-trail.sh TRAIL_DIR ALLOWED_SIGNERS [PEOPLE]
#
# ALLOWED_SIGNERS must be your own copy, not one that came with the trail. Its
# times must end in Z. PEOPLE is how many second persons you demand for a change
# of production, if a record's own policy demands fewer.
#
# It checks every signature, the chain, the digests of reports and journals, and
# each approval that a record holds: that it was signed in time by somebody other
# than who asked and who signed the record, for this trail and session, with the
# action, gate and plan that the record names. A quarterly rotation that changed
# production must have an approval by enough people for each half, unless that
# gate was overridden with one; a drill must not have changed production, and a
# rollback must not have removed the old key. An emergency is approved
# afterwards, beside its record: where that is missing, stderr says so and the
# exit code is 5.
#
# It is weaker than "keyturn verify". It believes the record where that verifier
# derives it from the journal again: items, changes, deviations, gates, days,
# readings and proofs are not checked, nor what a plan's digest stands for, nor
# whether the checklist is the kind's. It does not tell files that no signature
# covers, and jq keeps the last of two equal members. Neither verifier can tell
# that records were removed from the end: compare the head line that it prints
# with one that was kept elsewhere.
set -euo pipefail
export LC_ALL=C

[ $# -eq 2 ] || [ $# -eq 3 ] || { echo "usage: $0 TRAIL_DIR ALLOWED_SIGNERS [PEOPLE]" >&2; exit 2; }
trail=$1 signers=$2 people=${3:-1}
[ -r "$signers" ] || { echo "$signers cannot be read" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Before 9.1 it knows no times that end in Z, and would call every signature bad.
said=$(ssh-keygen -Y find-principals -f "$signers" -s "$signers" -Overify-time=20260101000000Z 2>&1 || true)
if [[ $said == *verify-time* ]]; then
  echo "this ssh-keygen is too old: OpenSSH 9.1 or later is needed" >&2
  exit 2
fi

bad() { echo "$1: $2" >&2; exit 1; }

# signer prints whose key made a signature: SIGNATURE TIME.
signer() { ssh-keygen -Y find-principals -f "$signers" -s "$1" -Overify-time="$2" 2>/dev/null; }

# signed checks a signature: FILE SIGNATURE PRINCIPAL NAMESPACE TIME.
signed() { ssh-keygen -Y verify -f "$signers" -I "$3" -n "$4" -s "$2" -Overify-time="$5" <"$1" >/dev/null 2>&1; }

# line prints the value of a line of the request in $work.
line() { sed -n "s/^$1: //p" "$work/request"; }

# compact turns 2026-01-05T16:21:00Z into 20260105162100Z for ssh-keygen.
compact() { tr -d 'T:-' <<<"$1"; }

# approved checks the approval in $work, accepted at a time, by the record that the
# loop below looks at. It leaves who approved in $approver.
approved() {
  approver=$(signer "$work/request.sig" "$(compact "$1")") || bad "$dir" "BAD approval: its key is not among the signers"
  [ "$approver" != "$who" ] || bad "$dir" "BAD approval: $who approved their own record"
  [ "$approver" != "$(line Requester)" ] || bad "$dir" "BAD approval: $approver approved their own request"
  signed "$work/request" "$work/request.sig" "$approver" keyturn-approval "$(compact "$1")" || bad "$dir" "BAD approval signature"
  [ "$(head -n 1 "$work/request")" = "keyturn approval request v2" ] || bad "$dir" "BAD approval: it is of another version"
  [ "$(line Trail)" = "$id" ] && [ "$(line Rotation)" = "$rotation" ] || bad "$dir" "BAD approval: it is for another rotation"
  [[ ! "$(line Requested)" > "$1" && ! "$1" > "$(line Expires)" ]] || bad "$dir" "BAD approval: it was accepted outside its time"
}

# late checks the approvals beside the record of an emergency, and prints how many
# people gave one.
late() {
  local text sig
  : >"$work/people"
  for text in "$dir"/approval-late*.txt; do
    [ -e "$text" ] || break
    [ -e "$text.1.sig" ] || bad "$dir" "BAD approval: its signature is missing"
    cp "$text" "$work/request"
    [ "$(line Action)" = afterwards ] && [ "$(line Head)" = "$(sha256sum <"$r" | cut -d' ' -f1)" ] || bad "$dir" "BAD approval: it is for another record"
    [[ ! "$(line Requested)" < "$created" ]] || bad "$dir" "BAD approval: it is older than the record"
    for sig in "$text".*.sig; do
      cp "$sig" "$work/request.sig"
      approved "$(line Requested)"
      echo "$approver" >>"$work/people"
    done
  done
  sort -u "$work/people" | wc -l
}

# agreed prints how many people approved what an item stands for, or enough where
# the gate that waits for it was overridden: ITEM.
agreed() {
  jq -r --arg item "$1" --arg gate "approval:$1" --argjson enough "$required" '
    if any(.deviations[]; .kind == "overridden" and .gate == $gate and (.approved_by | length) >= $enough) then $enough
    else [.approvals[] | select(.item == $item and (.deviation // "") == "") | .principal] | unique | length end' "$r"
}

# changed counts the changes of a service that an item, or any, made in
# production: JQ-FILTER of items.
changed() {
  jq -r '[.items[] | select('"$1"') | (.changes + (.pending // []))[]
    | select(.environment == "production" and (.code | test("^(variable|deployment|probe)\\.")))] | length' "$r"
}

id=$(cat "$trail/id")
n=0 missing=0
prev=$(printf '0%.0s' {1..64})
if [ -e "$trail/predecessor" ]; then
  p=$trail/predecessor
  value() { sed -n "s/^$1: //p" "$p"; }
  [ "$(head -n 1 "$p")" = "keyturn trail successor v1" ] && [ "$(value Trail)" = "$id" ] || bad "$p" "BAD predecessor: it is of another trail"
  at=$(compact "$(value At)")
  one=$(signer "$p.1.sig" "$at") && two=$(signer "$p.2.sig" "$at") || bad "$p" "BAD predecessor: a key is not among the signers"
  signed "$p" "$p.1.sig" "$one" keyturn-head "$at" && signed "$p" "$p.2.sig" "$two" keyturn-head "$at" || bad "$p" "BAD predecessor signature"
  [ "$one" = "$(value By)" ] && [ "$one" != "$two" ] || bad "$p" "BAD predecessor: two people must sign it, the operator first"
  n=$(value Records) prev=$(value Head)
  echo "goes on after record $n, sha256:$prev, as $one and $two signed"
fi

count=0
for dir in "$trail"/[0-9]*-*/; do
  [ -d "$dir" ] || break
  dir=${dir%/} r=${dir%/}/record.json n=$((n + 1)) count=$((count + 1))

  IFS=$'\t' read -r schema who created trail_id seq prev_said rotation report report_sum journal journal_sum approvals kind policy outcome < <(
    jq -r '[.schema, .signer.principal, .created_at, .trail.id, .trail.seq, .trail.prev_sha256, .rotation.id,
      .report.name, .report.sha256, .journal.name, .journal.file_sha256, (.approvals | length),
      .rotation.kind, .policy.approvals_required, .rotation.outcome] | @tsv' "$r") || bad "$dir" "BAD record: it cannot be read"
  case $schema in
    keyturn.record/v2) ;;
    keyturn.record/v1) bad "$dir" "made by a pre-release version of Keyturn; verify it with that version" ;;
    *) bad "$dir" "BAD schema $schema" ;;
  esac
  [ "$report" = report.md ] && [ "$journal" = journal.jsonl ] || bad "$dir" "BAD name of the report or the journal"
  [ "$(basename "$dir")" = "$(printf '%06d-%s' "$n" "$rotation")" ] || bad "$dir" "BAD folder name"

  signed "$r" "$r.sig" "$who" keyturn-record "$(compact "$created")" || bad "$dir" "BAD record signature"
  [ "$trail_id" = "$id" ] && [ "$seq" = "$n" ] && [ "$prev_said" = "$prev" ] || bad "$dir" "BAD chain"
  printf '%s  %s\n' "$report_sum" "$dir/$report" "$journal_sum" "$dir/$journal" | sha256sum -c --quiet >/dev/null 2>&1 ||
    bad "$dir" "BAD digest of the report or the journal"

  for ((i = 0; i < approvals; i++)); do
    jq -j ".approvals[$i].request" "$r" >"$work/request"
    jq -j ".approvals[$i].signature" "$r" >"$work/request.sig"
    IFS=$'\t' read -r principal accepted mandate action gate < <(
      jq -r ".approvals[$i] | [.principal, .accepted_at, .mandate, (.deviation // \"items\"), (.gate // \"none\")] | @tsv" "$r")
    approved "$accepted"
    [ "$approver" = "$principal" ] || bad "$dir" "BAD approval: it is by $approver, and the record says $principal"
    [ "$(line Plan)" = "$mandate" ] && [ "$(line Action)" = "$action" ] && [ "$(line Gate)" = "$gate" ] ||
      bad "$dir" "BAD approval: it is for something else than the record says"
  done

  required=$people
  [ "$policy" -le "$required" ] || required=$policy
  case $kind in
    quarterly)
      for half in approve-production approve-removal; do
        case $half in
          approve-production) items='.id == "add-production" or .id == "redeploy-production"' ;;
          *) items='.id == "remove-old" or .id == "redeploy-removal"' ;;
        esac
        [ "$(changed "$items")" -eq 0 ] || [ "$(agreed $half)" -ge "$required" ] || bad "$dir" "BAD approval: production was changed without enough people for $half"
      done
      [ "$(changed '.id as $i | ["add-production", "redeploy-production", "remove-old", "redeploy-removal"] | index($i) | not')" -eq 0 ] ||
        bad "$dir" "BAD change: another item changed production" ;;
    drill)
      [ "$(changed true)" -eq 0 ] || bad "$dir" "BAD change: a drill changed production" ;;
    rollback)
      removed=$(jq -r '.keys[0].old_id as $old | [.items[].changes[] | select(.code == "variable.delete" and .key == $old and (.round // 0) == 0)] | length' "$r")
      [ "$removed" -eq 0 ] || [ "$(jq -r '[.deviations[] | select(.kind == "reopened")] | length' "$r")" -gt 0 ] ||
        bad "$dir" "BAD change: a rollback removed the old key" ;;
    emergency)
      got=$(late)
      if [ "$(changed true)" -gt 0 ] && [ "$got" -lt "$required" ]; then
        echo "$dir: the approval by a second person is missing ($got of $required)" >&2
        missing=1
      fi ;;
    *) bad "$dir" "BAD kind $kind: it is of a newer Keyturn" ;;
  esac
  case $outcome in completed | abandoned) ;; *) bad "$dir" "BAD outcome $outcome" ;; esac

  prev=$(sha256sum <"$r")
  prev=${prev%% *}
done

head="keyturn-trail v1 $id $n sha256:$prev"
if [ -e "$trail/HEAD" ] && [ "$(cat "$trail/HEAD")" != "$head" ]; then
  bad "$trail/HEAD" "BAD head: the last record is $n, with sha256:$prev"
fi
echo "OK $count records"
echo "$head"
[ "$missing" -eq 0 ] || exit 5
