package probe

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"keyturn/keygen"
)

// Fault is what keeps a good key from being accepted.
type Fault string

// The faults that a diagnosis can name. All but the last three are proved: the
// service accepted a signature that only this fault explains.
const (
	FaultEmpty            Fault = "empty"             // anyone can sign
	FaultUndefined        Fault = "undefined"         // anyone can sign
	FaultNewline          Fault = "newline"           // stored with a line end after it
	FaultQuotes           Fault = "quotes"            // stored within quotes
	FaultSpaces           Fault = "spaces"            // stored with blanks around it
	FaultUpperCase        Fault = "upper-case"        // stored in upper case
	FaultDecoded          Fault = "decoded"           // the service decodes the hex digits
	FaultOtherEnvironment Fault = "other-environment" // the other environment's key
	FaultOldValue         Fault = "old-value"         // the old key's secret
	FaultMark             Fault = "byte-order-mark"   // stored with a byte order mark before it
	FaultAssignment       Fault = "assignment"        // stored with NAME= before it
	FaultClock            Fault = "clock"             // the clocks differ
	FaultProfile          Fault = "profile"           // the request is signed otherwise
	FaultNotServed        Fault = "not-served"        // inferred: the deployment does not know the key id
	FaultOtherValue       Fault = "other-value"       // inferred: it knows the id and holds something else
	FaultUnknown          Fault = "unknown"           // nothing that was tried fits
)

func (f Fault) bypass() bool { return f == FaultEmpty || f == FaultUndefined }

// Diagnosis says why a key was refused that should have been accepted.
type Diagnosis struct {
	KeyID keygen.KeyID
	Fault Fault
	Words string // one or two sentences for the operator
	Fix   string // what to do about it
	Tried int    // trial signatures sent
	Curl  string // for a proved fault: a request that the service accepts; holds no key
}

// trial is one guess: a signature that is good if the fault is there.
type trial struct {
	fault Fault
	words string
	fix   string
	draft draft
}

// diagnose names the fault of the first key that was refused and should have
// been accepted, if there is one.
func (r *run) diagnose(ctx context.Context) error {
	if r.refused == nil {
		return nil
	}
	key, answer := r.refused.key, r.refused.exchange.result
	trials := r.valueTrials(key)
	trials = append(trials, r.clockTrials(key, answer)...)
	if !r.accepted() {
		trials = append(trials, r.profileTrials(key)...)
	}
	d := Diagnosis{KeyID: key.ID, Fault: FaultUnknown}
	defer func() { r.report.Diagnosis = &d }()
	for i, t := range trials {
		r.progress.tell(i, len(trials), "diagnosing key "+string(key.ID)+": "+string(t.fault))
		row, _, err := r.Prober.try(ctx, r.end, "trial", Accepted, t.draft, r.secrets)
		if err != nil {
			d.Words = "the diagnosis was interrupted"
			return err
		}
		r.report.Sent++
		d.Tried++
		switch row.Got {
		case GotAccepted:
			d.Fault, d.Words, d.Fix, d.Curl = t.fault, t.words, t.fix, row.Curl
			return nil
		case GotRefused:
		default:
			d.Words = "the diagnosis stopped: " + row.Detail
			d.Fix = "run the probe again when the service answers"
			return nil
		}
	}
	d.Fault, d.Words, d.Fix = r.infer(key, answer)
	return nil
}

// accepted reports whether the service accepted any key.
func (r *run) accepted() bool {
	for _, row := range r.report.Rows {
		if row.Got == GotAccepted {
			return true
		}
	}
	return false
}

// valueTrials guess what the service holds in the place of the key. The empty
// key comes first, for its danger; the others in the order of how often they
// have been met.
func (r *run) valueTrials(key Key) []trial {
	var trials []trial
	variable, secret := key.ID.Variable(), key.Secret.Reveal()
	again := fmt.Sprintf("remove %s from this environment, add it again with exactly the vault's value, and redeploy", variable)
	add := func(fault Fault, value, words, fix string) {
		trials = append(trials, trial{fault, words, fix, draft{keyID: string(key.ID), key: []byte(value)}})
	}
	stored := func(fault Fault, value, how string) {
		add(fault, value, fmt.Sprintf("the service holds %s %s", variable, how), again)
	}
	add(FaultEmpty, "", fmt.Sprintf(bypassWords, "an empty key", key.ID),
		again+"; and make the service refuse a secret shorter than 64 characters")
	add(FaultUndefined, "undefined", fmt.Sprintf(bypassWords, `the text "undefined"`, key.ID),
		again+"; and make the service refuse a key id whose variable is not set")

	stored(FaultNewline, secret+"\n", `with a newline (\n) after it`)
	stored(FaultNewline, secret+"\r\n", `with a Windows line end (\r\n) after it`)
	stored(FaultNewline, secret+"\r", `with a carriage return (\r) after it`)
	stored(FaultNewline, secret+`\n`, `with a backslash and an n after it`)
	stored(FaultQuotes, `"`+secret+`"`, "within double quotes")
	stored(FaultQuotes, "'"+secret+"'", "within single quotes")
	stored(FaultSpaces, secret+" ", "with a blank after it")
	stored(FaultSpaces, " "+secret, "with a blank before it")
	stored(FaultSpaces, " "+secret+" ", "with blanks around it")
	stored(FaultSpaces, secret+"\t", "with a tab after it")
	stored(FaultUpperCase, strings.ToUpper(secret), "in upper-case hex digits")
	if raw, err := hex.DecodeString(secret); err == nil {
		add(FaultDecoded, string(raw), fmt.Sprintf("the service decodes %s from hex and signs with the 32 bytes; clients sign with the text", variable),
			"make the service use the variable's text as the key, as its clients do")
	}
	if !r.WrongEnvironment.IsZero() && r.New != nil && key.ID == r.New.ID {
		stored(FaultOtherEnvironment, r.WrongEnvironment.Reveal(), "with the other environment's value")
	}
	for _, other := range r.keys() {
		if other.ID != key.ID {
			stored(FaultOldValue, other.Secret.Reveal(), fmt.Sprintf("with the value of key %s", other.ID))
		}
	}
	stored(FaultMark, "\ufeff"+secret, "with a byte order mark before it, as a Windows shell adds")
	stored(FaultAssignment, variable+"="+secret, "with its own name and an equals sign before it")
	return trials
}

// clockSlack is how far clocks may differ before it is worth a trial. Services
// allow 5 minutes; the Date header counts whole seconds.
const clockSlack = time.Minute

// clockTrials signs with the service's own time, if its answer tells it and it
// is not ours.
func (r *run) clockTrials(key Key, answer result) []trial {
	if answer.Date.IsZero() {
		return nil
	}
	off := r.Prober.Now().Sub(answer.Date).Round(time.Second)
	if off.Abs() < clockSlack {
		return nil
	}
	d := honest(key)
	d.at = answer.Date
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	return []trial{{FaultClock,
		fmt.Sprintf("the key is right; this machine's clock is %s %s the service's", off.Abs(), way),
		"set this machine's clock, then run the probe again", d}}
}

// profileTrials change one setting of the signing profile each. They make
// sense only when no key was accepted: a wrong profile spoils every signature.
func (r *run) profileTrials(key Key) []trial {
	var trials []trial
	add := func(setting, value string, change func(*Profile)) {
		p := r.Prober.Profile
		change(&p)
		d := honest(key)
		d.profile = &p
		trials = append(trials, trial{FaultProfile,
			fmt.Sprintf("the key is right; the service wants requests signed with %s = %s", setting, value),
			fmt.Sprintf("set %s = %s in the signing profile", setting, value), d})
	}
	now := r.Prober.Profile
	if r.end.url.RawQuery != "" {
		add("sign_query", fmt.Sprint(!now.SignQuery), func(p *Profile) { p.SignQuery = !now.SignQuery })
	}
	for _, format := range []TimestampFormat{TimestampISO, TimestampUnix, TimestampUnixMS} {
		if format != now.Timestamp {
			add("timestamp", string(format), func(p *Profile) { p.Timestamp = format })
		}
	}
	for _, form := range []BodyForm{BodyRaw, BodySHA256Hex} {
		if form != now.Body {
			add("body", string(form), func(p *Profile) { p.Body = form })
		}
	}
	for _, encoding := range []Encoding{EncodingHex, EncodingBase64} {
		if encoding != now.Encoding {
			add("encoding", string(encoding), func(p *Profile) { p.Encoding = encoding })
		}
	}
	return trials
}

// infer compares answers when no trial was accepted: a service that knows a
// key id often answers a bad signature otherwise than an unknown id.
func (r *run) infer(key Key, answer result) (fault Fault, words, fix string) {
	variable := key.ID.Variable()
	if !r.accepted() {
		return FaultUnknown,
			"no key was accepted, and none of the faults that were tried fits",
			"check the address and its path, the signing profile, and that the service verifies signatures there at all"
	}
	likeUnknown := r.answeredLike(key, answer, controlUnknownID)
	likeWrong := r.answeredLike(key, answer, controlWrongKey)
	switch {
	case likeUnknown && !likeWrong:
		return FaultNotServed,
			fmt.Sprintf("the service answers key %s as it answers a key id that is not configured: this deployment was made without %s", key.ID, variable),
			fmt.Sprintf("check that %s exists for this environment, and that the deployment is younger than it; then redeploy", variable)
	case likeWrong && !likeUnknown:
		return FaultOtherValue,
			fmt.Sprintf("the service knows key %s but holds another value, and none of the faults that were tried explains it", key.ID),
			fmt.Sprintf("remove %s from this environment, add it again with exactly the vault's value, and redeploy", variable)
	}
	return FaultUnknown,
		fmt.Sprintf("key %s is refused, other keys are accepted, and none of the faults that were tried fits", key.ID),
		fmt.Sprintf("check that %s exists for this environment, and that the deployment is younger than it", variable)
}

// answeredLike reports whether the key was answered as the named control was,
// apart from the key ids in the answers.
func (r *run) answeredLike(key Key, answer result, control string) bool {
	plain := func(words string) string {
		ids := []keygen.KeyID{key.ID, r.unknownID()}
		for _, k := range r.keys() {
			ids = append(ids, k.ID)
		}
		for _, id := range ids {
			words = strings.ReplaceAll(words, id.Variable(), "KEY")
			words = strings.ReplaceAll(words, string(id), "KEY")
		}
		return words
	}
	for _, row := range r.report.Rows {
		if row.Name == control && row.Verdict == OK {
			return row.Status == answer.Status && plain(row.Detail) == plain(answer.Error)
		}
	}
	return false
}
