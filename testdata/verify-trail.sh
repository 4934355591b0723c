#!/usr/bin/env bash
# Verifies a Keyturn trail without Keyturn: bash 4, jq 1.5, ssh-keygen of OpenSSH
# 9.1 and sha256sum, or later ones, are all it needs.
#
#   verify-trail.sh TRAIL_DIR ALLOWED_SIGNERS [PEOPLE [AUDIT_FILE...]]
#
# ALLOWED_SIGNERS must be your own copy, not one that came with the trail, and
# name one person a line, without patterns, in times that end in Z. PEOPLE is how
# many second persons you demand for a change of production, if a record's own
# policy demands fewer; 1 if you demand no more than that. Each AUDIT_FILE must be
# what the audit of an emergency exported, to the byte, by the digests in the
# records' journals. The classes of ALLOW, such as ALLOW="foreign head", need not be
# checked: see "keyturn verify --help".
#
# It checks every signature, the chain, the digests of reports and journals, and
# each approval that a record holds: that it was signed in time by somebody other
# than who asked and who signed the record, once, for this trail and session, with
# the environments, keys, action, gate and plan that the record names, when the
# trail had the head that it has. Of each refusal it checks who signed it, why and
# when, for this trail and session, and that no later answer to that request counts. A quarterly rotation that changed production must
# have an approval by enough people for each half, unless that gate was overridden
# with one; a drill must not have changed production, and a rollback must not have
# removed the old key. An emergency is approved afterwards, beside its record.
#
# The exit code is 0 where all holds, 1 where something does not or was not
# checked, 2 where it was used wrongly or a program is missing, and 5 where all
# holds and an emergency lacks its approval.
#
# It is weaker than "keyturn verify" by design. That verifier derives the record
# from the journal again, and this script believes the record:
#
#   course    which items there are, their order, gates, days, readings and proofs
#   effects   what an item may change, but for the rules above
#   deviation why and how something was done otherwise, and who agreed to that
#   mandate   what the digest of a plan stands for, and so its targets and items
#   moment    whether an approval came before the change, was journalled, and was
#             taken back by a refusal before the change
#   journal   what the journal says, but for its digest
#   derived   whether the record says what the journal does
#   form      members that nobody knows, and how the JSON is set out
#   touch     whether a hardware key was touched
#   older     a trail that another one goes on after
#
# Neither verifier can tell that records were removed from the end, nor whether
# times are true: compare the head line that it prints with one that was kept
# elsewhere.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 077

unusable() { echo "$0: $1" >&2; exit 2; }
[ $# -ge 2 ] || unusable "usage: $0 TRAIL_DIR ALLOWED_SIGNERS [PEOPLE [AUDIT_FILE...]]"
trail=${1%/} signers=$2 people=${3:-1} allowed=" ${ALLOW:-} " audit_files=("${@:4}")
[[ $people =~ ^[1-9][0-9]{0,3}$ ]] || unusable "PEOPLE must be a number from 1, and is $people"
[ "${BASH_VERSINFO[0]}" -ge 4 ] || unusable "needs bash 4 or later, and this is $BASH_VERSION"
for program in jq ssh-keygen sha256sum; do
  command -v "$program" >/dev/null || unusable "needs $program, which is not installed"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ "$(jq -nr '[any(1; . == 1), "a"] | @tsv' 2>/dev/null)" = $'true\ta' ] || unusable "needs jq 1.5 or later"

# Only OpenSSH 9.1 and later know times that end in Z. Others tell a good signature
# as a bad one, so they are tried with one first.
knows_times() {
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$work/try" </dev/null
  echo "try namespaces=\"try\",valid-after=\"20260101Z\" $(cat "$work/try.pub")" >"$work/try.signers"
  ssh-keygen -Y sign -f "$work/try" -n try <"$work/try.pub" >"$work/try.sig"
  ssh-keygen -Y verify -f "$work/try.signers" -I try -n try -s "$work/try.sig" -Overify-time=20260105162100Z <"$work/try.pub"
}
knows_times >/dev/null 2>&1 || unusable "needs ssh-keygen of OpenSSH 9.1 or later: this one does not know times that end in Z"

bad() { echo "$1: $2" >&2; exit 1; }

# unchecked tells of what nobody can check here, and fails at the end unless the
# class is allowed: CLASS PLACE WORDS.
open=0
unchecked() {
  echo "$2: not checked ($1): $3" >&2
  [[ $allowed == *" $1 "* ]] || open=1
}

# plain demands regular files of a sensible size, whose line ends nobody changed,
# before they are read: BYTES FILE...
plain() {
  local limit=$1 file
  shift
  for file; do
    [ -e "$file" ] || [ -L "$file" ] || bad "$file" "BAD file: it is missing"
    [ -f "$file" ] && [ ! -L "$file" ] || bad "$file" "BAD file: it is no regular file"
  done
  file=$(find "$@" -prune -size "+${limit}c")
  [ -z "$file" ] || bad "$file" "BAD file: it has more than $limit bytes"
  file=$(grep -l $'\r$' "$@" || true)
  [ -z "$file" ] || bad "$file" "its lines end in CRLF, as git makes them when it checks out with core.autocrlf; clone again with git clone -c core.autocrlf=false, or commit a file .gitattributes with the line \"* -text\" beside the trail"
}
small=65536 large=33554432 audit_limit=268435456

# content demands that a file holds a text and a line feed, to the byte: FILE TEXT.
content() { printf '%s\n' "$2" | cmp -s - "$1"; }

sum() { local s; s=$(sha256sum <"$1"); echo "${s%% *}"; }

# Audit files that cannot be read are wrong usage.
for file in ${audit_files[@]+"${audit_files[@]}"}; do
  [ -f "$file" ] && [ ! -L "$file" ] && [ -r "$file" ] && [ "$(wc -c <"$file")" -le $audit_limit ] ||
    unusable "$file is no regular file of at most $audit_limit bytes that can be read"
done

# exported notes the digests that a record's journal states of its audit's files. The
# last ones count: an audit that is done again replaces its files.
declare -A export_of
exported() {
  local format said
  while IFS=$'\t' read -r format said; do
    [[ $said =~ $digest ]] || continue
    export_of[$said]+="${export_of[$said]:+, }the $format of ${dir##*/}"
    exports+="${exports:+, }the $format of ${dir##*/}"
  done < <(jq -rn 'reduce (inputs | .evidence.facts // {}) as $facts ({}; . + $facts)
    | ["CSV", .["audit/csv-sha256"] // ""], ["JSONL", .["audit/jsonl-sha256"] // ""] | @tsv' "$dir/$journal")
}
exports=

# audited demands that an audit file is one whose digest a record's journal states.
# Its other digests are those that it would have with other line ends.
audited() {
  local file=$1 is lf crlf
  is=$(sum "$file")
  if [ -n "${export_of[$is]:-}" ]; then
    echo "$file: ${export_of[$is]}"
    return
  fi
  [ -n "$exports" ] || bad "$file" "BAD audit file: no record here states the digest of an audit's export"
  sed $'s/\r$//' <"$file" >"$work/lf"
  sed $'s/$/\r/' <"$work/lf" >"$work/crlf"
  lf=$(sum "$work/lf") crlf=$(sum "$work/crlf")
  [ -z "${export_of[$crlf]:-}" ] || bad "$file" "BAD audit file: its lines no longer end in CRLF; with CRLF it is ${export_of[$crlf]}"
  [ -z "${export_of[$lf]:-}" ] || bad "$file" "BAD audit file: its lines were made to end in CRLF; with LF it is ${export_of[$lf]}"
  bad "$file" "BAD audit file: it was changed since the export, as a spreadsheet does when it saves it, or is of another session; it was compared with $exports"
}

# member reads one line of the roster.
principal='[a-z0-9][a-z0-9._+@-]{0,127}'
option='(namespaces="[a-z0-9._@,-]+"|valid-(after|before)="([0-9]{8}|[0-9]{12}|[0-9]{14})Z")'
key='((ssh|sk-ssh|ecdsa|sk-ecdsa)[a-z0-9@.-]+) ([A-Za-z0-9+/=]+)'
plain 1048576 "$signers"
while IFS= read -r member || [ -n "$member" ]; do
  [[ -z $member || $member == '#'* ]] && continue
  [[ $member =~ ^$principal\ $option(,$option)*\ $key(\ .+)?$ && $member == *namespaces=* ]] ||
    bad "$signers" "BAD roster: want one person a line, without patterns, with namespaces and times in quotes: ${member:0:40}"
done <"$signers"
twice=$(grep -v '^#' "$signers" | cut -d ' ' -f 4 | grep . | sort | uniq -d || true)
[ -z "$twice" ] || bad "$signers" "BAD roster: a key stands in two lines"

# signer prints whose key made a signature: SIGNATURE TIME.
signer() { ssh-keygen -Y find-principals -f "$signers" -s "$1" -Overify-time="$2" 2>/dev/null; }

# signed checks a signature and prints the fingerprint of its key: FILE SIGNATURE
# PRINCIPAL NAMESPACE TIME.
armor=$'^-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=]+\n)+-----END SSH SIGNATURE-----\n$'
signed() {
  local text said
  text=$(tr '\0' '!' <"$2" && echo .)
  [[ ${text%.} =~ $armor ]] || return 1
  said=$(ssh-keygen -Y verify -f "$signers" -I "$3" -n "$4" -s "$2" -Overify-time="$5" <"$1" 2>/dev/null) || return 1
  echo "${said##* }"
}

# load takes the request in $work apart, into the values of its lines and the
# names of all.
declare -A line
load() {
  local text
  line=() names=
  while IFS= read -r text || [ -n "$text" ]; do
    names+=${text%%: *}$'\n'
    line[${text%%: *}.]=${text#*: }
  done <"$work/request"
}

# compact turns 2026-01-05T16:21:00Z into 20260105162100Z for ssh-keygen.
compact() { echo "${1//[T:-]/}"; }

stamp='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$'
digest='^[0-9a-f]{64}$'
request_lines="keyturn approval request v2
Request
Trail
Records
Head
Rotation
Events
Journal
Service
Team
Environments
Action
Items
Items-Sum
Gate
Target
Old-Key
Old-Stg-Fp
Old-Prd-Fp
New-Key
New-Stg-Fp
New-Prd-Fp
Targets
Target-Sum
Plan
Requester
Requester-Key
Requested
Expires
Reason
Signing this text approves exactly the action above"

# answered checks an approval or a refusal, as the word says, whose request and
# signature are in $work, accepted at a time, by the record that the loop below
# looks at: WORD TIME REASON. A refusal's reason is part of what was signed. It
# leaves who answered in $approver.
approves="Signing this text approves exactly the action above"
answered() {
  local what=$1 at=$2 why=$3 did=approved made
  [[ $at =~ $stamp ]] || bad "$dir" "BAD $what: it has no time"
  approver=$(signer "$work/request.sig" "$(compact "$at")") || bad "$dir" "BAD $what: its key is not among the signers"
  cp "$work/request" "$work/signed"
  if [ "$what" = refusal ]; then
    did=refused
    { sed '$d' "$work/request" && [ -z "$why" ] || printf 'Why: %s\n' "$why"
      echo "Signing this text refuses the action above"; } >"$work/signed"
  fi
  [ "$approver" != "$who" ] || bad "$dir" "BAD $what: $who $did their own record"
  made=$(signed "$work/signed" "$work/request.sig" "$approver" keyturn-approval "$(compact "$at")") || bad "$dir" "BAD $what signature"
  [ "${names%%$'\n'*}" = "keyturn approval request v2" ] || bad "$dir" "BAD $what: it is of another version"
  [ "$names" = "$request_lines"$'\n' ] && [ "$(tr -d '\n -~' <"$work/signed" | wc -c)" -eq 0 ] && [ "$(tail -n 1 "$work/request")" = "$approves" ] ||
    bad "$dir" "BAD $what: its request is malformed"
  [ "$approver" != "${line[Requester.]:-}" ] && [ "$made" != "${line[Requester-Key.]:-}" ] || bad "$dir" "BAD $what: $approver $did their own request"
  [ "${line[Trail.]:-}" = "$id" ] && [ "${line[Rotation.]:-}" = "$rotation" ] || bad "$dir" "BAD $what: it is for another rotation"
  [ "${line[Environments.]:-}" = "$environments" ] && [ "${line[Old-Key.]:-}" = "$old" ] && [ "${line[New-Key.]:-}" = "$new" ] ||
    bad "$dir" "BAD $what: it is for other environments or keys"
  [[ ${line[Requested.]:-} =~ $stamp && ${line[Expires.]:-} =~ $stamp && ! ${line[Requested.]:-} > $at && ! $at > ${line[Expires.]:-} ]] ||
    bad "$dir" "BAD $what: it was accepted outside its time"
}

# once demands that a request was not used in another record.
declare -A request_of session_of
once() {
  [ "${request_of[$1]:-$dir}" = "$dir" ] || bad "$dir" "BAD approval: its request was used in ${request_of[$1]} already"
  request_of[$1]=$dir
}

# late checks the approvals beside the record of an emergency, and leaves how many
# people gave one in $got.
late() {
  local text sig
  : >"$work/people"
  for text in "$dir"/approval-late*.txt; do
    [ -e "$text" ] || break
    plain $small "$text"
    [ -e "$text.1.sig" ] || bad "$dir" "BAD approval: its signature is missing"
    cp "$text" "$work/request"
    load
    [ "${line[Action.]:-}" = afterwards ] && [ "${line[Head.]:-}" = "$(sum "$r")" ] && [ "${line[Records.]:-}" = "$n" ] ||
      bad "$dir" "BAD approval: it is for another record"
    [ "${line[Events.]:-}" = "$events" ] && [ "${line[Journal.]:-}" = "$journal_head" ] || bad "$dir" "BAD approval: it is for another journal"
    [[ ! ${line[Requested.]:-} < $created ]] || bad "$dir" "BAD approval: it is older than the record"
    for sig in "$text".*.sig; do
      plain $small "$sig"
      cp "$sig" "$work/request.sig"
      answered approval "${line[Requested.]:-}" ""
      echo "$approver" >>"$work/people"
    done
    once "${line[Request.]:-}"
  done
  got=$(sort -u "$work/people" | wc -l)
}

# fields prints what the script needs of a record, one value a field. No value may
# have a control character, and no member may come twice. changed counts changes of
# a service in production, and agreed who approved what an item stands for: enough
# where the gate that waits for it was overridden.
half='{"add-production": "approve-production", "redeploy-production": "approve-production", "remove-old": "approve-removal", "redeploy-removal": "approve-removal"}'
fields() {
  cmp -s <(jq -c --stream 'select(length == 2)' "$r" 2>/dev/null) <(jq -c 'tostream | select(length == 2)' "$r" 2>/dev/null) || return 1
  jq -rs --argjson people "$people" --argjson half "$half" 'if length == 1 then .[0] else error("several texts") end
    | def changed(which): [.items[] | select($half[.id] | which) | (.changes + (.pending // []))[]
        | select(.environment == "production" and (.code | test("^(variable|deployment|probe)\\.")))] | length;
      ([.policy.approvals_required, $people] | max) as $enough
    | def agreed($item): if any(.deviations[]; .kind == "overridden" and .gate == "approval:" + $item and (.approved_by | length) >= $enough)
        then $enough else [.approvals[] | select(.item == $item and (.deviation // "") == "") | .principal] | unique | length end;
      (.keys[0].old_id // "") as $old
    | [.schema, .signer.principal, .signer.key, .created_at, .trail.id, .trail.seq, .trail.prev_sha256, .rotation.id,
      .rotation.finished_at, .report.name, .report.sha256, .journal.name, .journal.file_sha256, .journal.events,
      .journal.head_sha256, (.approvals | length), .rotation.kind, $enough, .rotation.outcome,
      (.rotation.environments | join(" ")), ($old | if . == "" then "none" else . end),
      (.keys[0].new_id // "" | if . == "" then "none" else . end),
      changed(true), changed(. == null), changed(. == "approve-production"), agreed("approve-production"),
      changed(. == "approve-removal"), agreed("approve-removal"),
      ([.items[].changes[] | select(.code == "variable.delete" and .key == $old and (.round // 0) == 0)] | length),
      ([.deviations[] | select(.kind == "reopened")] | length)]
    | map(if . == null then "" else tostring end)
    | if any(.[]; explode | any(.[]; . < 32)) then error("a control character") else join("\u001f") end' "$r" 2>/dev/null
}

[ -e "$trail/id" ] || [ -L "$trail/id" ] || unusable "$trail is no trail: it has no file id"
plain $small "$trail/id"
id=$(tr -d '\0' <"$trail/id")
[[ $id =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]] && content "$trail/id" "$id" || bad "$trail/id" "BAD id: it is no UUID and a line feed"

n=0 missing=0 base=0
prev=$(printf '0%.0s' {1..64})
if [ -e "$trail/predecessor" ] || [ -L "$trail/predecessor" ]; then
  p=$trail/predecessor
  plain $small "$p" "$p.1.sig" "$p.2.sig"
  value() { sed -n "s/^$1: //p" "$p"; }
  sed 's/: .*//' "$p" | cmp -s - <(printf '%s\n' "keyturn trail successor v1" Trail Records Head By At Reason "Signing this text lets a new trail go on after the record named above") ||
    bad "$p" "BAD predecessor: it is no text by which a trail goes on"
  [ "$(value Trail)" = "$id" ] || bad "$p" "BAD predecessor: it is of another trail"
  n=$(value Records) prev=$(value Head)
  [[ $(value At) =~ $stamp && $prev =~ $digest && $n =~ ^[1-9][0-9]{0,8}$ ]] || bad "$p" "BAD predecessor: it names no record or no time"
  at=$(compact "$(value At)")
  one=$(signer "$p.1.sig" "$at") && two=$(signer "$p.2.sig" "$at") || bad "$p" "BAD predecessor: a key is not among the signers"
  signed "$p" "$p.1.sig" "$one" keyturn-head "$at" >/dev/null && signed "$p" "$p.2.sig" "$two" keyturn-head "$at" >/dev/null || bad "$p" "BAD predecessor signature"
  [ "$one" = "$(value By)" ] && [ "$one" != "$two" ] || bad "$p" "BAD predecessor: two people must sign it, the operator first"
  base=$n
  echo "goes on after record $n, sha256:$prev, as $one and $two signed"
fi

count=0 last=
digests=([n]=$prev)
for dir in "$trail"/[0-9]*-*; do
  [[ ${dir##*/} =~ ^[0-9]{6,9}-. ]] && [ -d "$dir" ] || continue
  [ ! -L "$dir" ] || bad "$dir" "BAD folder: it is a link"
  r=$dir/record.json n=$((n + 1)) count=$((count + 1))
  plain $large "$r" "$dir/journal.jsonl" "$dir/report.md"
  plain $small "$r.sig"

  all=$(fields) || bad "$dir" "BAD record: it cannot be read, or has a member twice"
  IFS=$'\037' read -r schema who signed_with created trail_id seq prev_said rotation finished report report_sum journal journal_sum events \
    journal_head approvals kind required outcome environments old new changed others changed_production agreed_production \
    changed_removal agreed_removal removed reopened <<<"$all"
  case $schema in
    keyturn.record/v2) ;;
    keyturn.record/v1) bad "$dir" "made by a pre-release version of Keyturn; verify it with that version" ;;
    *) bad "$dir" "BAD schema $schema" ;;
  esac
  [ "$report" = report.md ] && [ "$journal" = journal.jsonl ] || bad "$dir" "BAD name of the report or the journal"
  [[ $rotation =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$ ]] && [ "${dir##*/}" = "$(printf '%06d-%s' "$n" "$rotation")" ] || bad "$dir" "BAD folder name"
  [[ $created =~ $stamp && $approvals =~ ^[0-9]+$ && $required =~ ^[0-9]{1,4}$ ]] || bad "$dir" "BAD record: a time or a number is none"

  made=$(signed "$r" "$r.sig" "$who" keyturn-record "$(compact "$created")") || bad "$dir" "BAD record signature"
  [ "$made" = "$signed_with" ] || bad "$dir" "BAD signer: the record names another key than signed it"
  [ "$trail_id" = "$id" ] && [ "$seq" = "$n" ] && [ "$prev_said" = "$prev" ] || bad "$dir" "BAD chain"
  [[ ! $created < $last && ! $created < $finished ]] || bad "$dir" "BAD time: it is before the record before it, or before its session's end"
  [ -z "${session_of[$rotation]:-}" ] || bad "$dir" "BAD session: ${session_of[$rotation]} is about it too"
  session_of[$rotation]=$dir last=$created
  [ "$(sum "$dir/$report")" = "$report_sum" ] && [ "$(sum "$dir/$journal")" = "$journal_sum" ] ||
    bad "$dir" "BAD digest of the report or the journal"
  [ ${#audit_files[@]} -eq 0 ] || exported

  while IFS=$'\037' read -r -d $'\036' request principal accepted mandate action gate text signature; do
    printf '%s' "$text" >"$work/request"
    printf '%s' "$signature" >"$work/request.sig"
    load
    answered approval "$accepted" ""
    [ "$approver" = "$principal" ] || bad "$dir" "BAD approval: it is by $approver, and the record says $principal"
    [ "${line[Request.]:-}" = "$request" ] && [ "${line[Plan.]:-}" = "$mandate" ] && [ "${line[Action.]:-}" = "$action" ] && [ "${line[Gate.]:-}" = "$gate" ] ||
      bad "$dir" "BAD approval: it is for something else than the record says"
    seen=${line[Records.]:-}
    [[ $seen =~ ^(0|[1-9][0-9]{0,8})$ ]] || bad "$dir" "BAD approval: its request is malformed"
    [ "$seen" -lt "$base" ] || [ "${line[Head.]:-}" = "${digests[$seen]:-}" ] || bad "$dir" "BAD approval: it saw another trail"
    once "$request"
  done < <(jq -j '.approvals[] | [.id, .principal, .accepted_at, .mandate, .deviation // "items", .gate // "none", .request, .signature]
    | join("\u001f") + "\u001e"' "$r")

  # A refusal closes its request: nothing answers that later.
  while IFS=$'\037' read -r -d $'\036' request principal accepted why later text signature; do
    printf '%s' "$text" >"$work/request"
    printf '%s' "$signature" >"$work/request.sig"
    load
    answered refusal "$accepted" "$why"
    [ "$approver" = "$principal" ] || bad "$dir" "BAD refusal: it is by $approver, and the record says $principal"
    [ "${line[Request.]:-}" = "$request" ] || bad "$dir" "BAD refusal: it is of another request than the record says"
    [ "$later" = 0 ] || bad "$dir" "BAD approval: its request was refused before"
    once "$request"
  done < <(jq -j '. as $record | (.refusals // [])[] | . as $no | [.id, .principal, .accepted_at, .reason,
    ($record | [(.approvals[] | select(.id == $no.id and .accepted_at > $no.accepted_at)), (.refusals[] | select(.id == $no.id and . != $no))] | length | tostring),
    .request, .signature] | join("\u001f") + "\u001e"' "$r")

  case $kind in
    quarterly)
      [ "$changed_production" -eq 0 ] || [ "$agreed_production" -ge "$required" ] ||
        bad "$dir" "BAD approval: production was changed without enough people for approve-production"
      [ "$changed_removal" -eq 0 ] || [ "$agreed_removal" -ge "$required" ] ||
        bad "$dir" "BAD approval: production was changed without enough people for approve-removal"
      [ "$others" -eq 0 ] || bad "$dir" "BAD change: another item changed production" ;;
    drill)
      [ "$changed" -eq 0 ] || bad "$dir" "BAD change: a drill changed production" ;;
    rollback)
      [ "$removed" -eq 0 ] || [ "$reopened" -gt 0 ] || bad "$dir" "BAD change: a rollback removed the old key" ;;
    emergency)
      late
      if [ "$changed" -gt 0 ] && [ "$got" -lt "$required" ]; then
        echo "$dir: the approval by a second person is missing ($got of $required)" >&2
        missing=1
      fi ;;
    *) bad "$dir" "BAD kind $kind: it is of a newer Keyturn" ;;
  esac
  case $outcome in completed | abandoned) ;; *) bad "$dir" "BAD outcome $outcome" ;; esac
  for file in "$dir"/* "$dir"/.*; do
    [ -e "$file" ] || [ -L "$file" ] || continue
    case ${file##*/} in
      . | .. | record.json | record.json.sig | report.md | journal.jsonl) ;;
      approval-late*.txt | approval-late*.txt.*.sig)
        [ "$kind" = emergency ] || unchecked foreign "$file" "it is no part of the record, and no signature covers it" ;;
      *) unchecked foreign "$file" "it is no part of the record, and no signature covers it" ;;
    esac
  done

  prev=$(sum "$r")
  digests[n]=$prev
done

for file in "$trail"/* "$trail"/.*; do
  [ -e "$file" ] || [ -L "$file" ] || continue
  case ${file##*/} in
    . | .. | id | HEAD | .lock) continue ;;
    predecessor | predecessor.1.sig | predecessor.2.sig) [ "$base" -eq 0 ] || continue ;;
    .gitattributes) [ -f "$file" ] && [ ! -L "$file" ] && content "$file" "* -text" && continue ;;
  esac
  [[ ${file##*/} =~ ^[0-9]{6,9}-. && -d $file ]] || unchecked foreign "$file" "it is no part of the trail, and no signature covers it"
done

head="keyturn-trail v1 $id $n sha256:$prev"
behind="keyturn-trail v1 $id $((n - 1)) sha256:${digests[n - 1]:-}"
if [ ! -e "$trail/HEAD" ] && [ ! -L "$trail/HEAD" ]; then
  unchecked head "$trail/HEAD" "it is missing, so nothing says how many records the trail should have"
else
  plain $small "$trail/HEAD"
  if [ "$count" -gt 0 ] && content "$trail/HEAD" "$behind"; then
    unchecked head "$trail/HEAD" "it names record $((n - 1)), so whether record $n is the last was not compared"
  elif ! content "$trail/HEAD" "$head"; then
    bad "$trail/HEAD" "BAD head: the last record is $n, with sha256:$prev"
  fi
fi
for file in ${audit_files[@]+"${audit_files[@]}"}; do
  audited "$file"
done
echo "OK $count records"
echo "$head"
[ "$open" -eq 0 ] || exit 1
[ "$missing" -eq 0 ] || exit 5
