package programtest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/vercel"
)

// Clipboard is a clipboard that a test can look at.
type Clipboard struct {
	mu      sync.Mutex
	value   keygen.Secret
	Puts    int
	For     time.Duration // of the last Put
	Refuses error         // what Put says; nil where it works
}

// Describe implements hosting.Clipboard.
func (*Clipboard) Describe() string { return "the test's clipboard" }

// Notice implements hosting.Clipboard.
func (*Clipboard) Notice(d time.Duration) string {
	return "The value is on the test's clipboard for " + d.String() + "."
}

// Put implements hosting.Clipboard.
func (c *Clipboard) Put(_ context.Context, secret keygen.Secret, d time.Duration) (func(context.Context) error, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Refuses != nil {
		return nil, c.Refuses
	}
	c.value, c.For = secret, d
	c.Puts++
	return func(context.Context) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.value.Equal(secret) {
			c.value = keygen.Secret{}
		}
		return nil
	}, nil
}

// Value is what lies on the clipboard; zero for nothing.
func (c *Clipboard) Value() keygen.Secret {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value
}

// Dashboard is a person who does in Vercel's dashboard what Keyturn spells out.
// They know nothing but the words on the screen and what is on the clipboard;
// what they press is played by the API.
type Dashboard struct {
	API       *vercel.Client
	Clipboard *Clipboard
	// Paste changes what is pasted for a title, for a person who pastes wrongly;
	// may be nil.
	Paste func(title, value string) string
	// Acts are the titles of what was done, in order.
	Acts []string
}

var (
	pageOf    = regexp.MustCompile(`Open https://vercel\.com/acme/([a-z-]+)/(?:settings/environment-variables|deployments)`)
	addTitle  = regexp.MustCompile(`^At Vercel: add (\S+) to \S+ (\S+)$`)
	takeTitle = regexp.MustCompile(`^At Vercel: remove (\S+) from (\S+) (preview|development|production)$`)
	wipeTitle = regexp.MustCompile(`^At Vercel: remove (\S+) from (staging|production) of \S+$`)
	buildName = regexp.MustCompile(`^At Vercel: redeploy \S+ (preview|production)$`)
	oldTitle  = regexp.MustCompile(`^Addresses of the older deployments of (\S+) (staging|production)`)
	findLine  = regexp.MustCompile(`Find (https?://\S+)`)
)

// Answer does what a question spells out and says so. ok is false for other
// questions.
func (d *Dashboard) Answer(ctx context.Context, q checklist.Question) (answer string, ok bool, err error) {
	if m := oldTitle.FindStringSubmatch(q.Title); m != nil {
		answer, err = d.older(ctx, m[1], m[2])
		return answer, true, err
	}
	if q.Kind != checklist.Choose || !slices.ContainsFunc(q.Choices, func(c checklist.Choice) bool { return c.ID == "done" }) {
		return "", false, nil
	}
	if slices.ContainsFunc(q.Choices, func(c checklist.Choice) bool { return c.ID == "copy" }) && d.Clipboard.Value().IsZero() {
		return "copy", true, nil
	}
	project := ""
	if m := pageOf.FindStringSubmatch(q.Body); m != nil {
		project = m[1]
	}
	d.Acts = append(d.Acts, q.Title)
	switch {
	case addTitle.MatchString(q.Title):
		m := addTitle.FindStringSubmatch(q.Title)
		err = d.add(ctx, q, project, m[1], m[2])
	case takeTitle.MatchString(q.Title):
		m := takeTitle.FindStringSubmatch(q.Title)
		err = d.take(ctx, project, m[1], m[3])
	case wipeTitle.MatchString(q.Title):
		m := wipeTitle.FindStringSubmatch(q.Title)
		targets := []string{"preview", "development"}
		if m[2] == "production" {
			targets = []string{"production"}
		}
		for _, target := range targets {
			if err = d.take(ctx, project, m[1], target); err != nil {
				break
			}
		}
	case buildName.MatchString(q.Title):
		err = d.redeploy(ctx, project, buildName.FindStringSubmatch(q.Title)[1])
	default:
		err = d.delete(ctx, project, q.Body)
	}
	return "done", true, err
}

func (d *Dashboard) add(ctx context.Context, q checklist.Question, project, key, target string) error {
	if !strings.Contains(q.Body, "Environments: "+strings.ToUpper(target[:1])+target[1:]+" alone") {
		return fmt.Errorf("%q does not say which environment to choose: %s", q.Title, q.Body)
	}
	kind := vercel.TypeSensitive
	if strings.Contains(q.Body, "Type: Config") {
		kind = "encrypted"
	}
	value := d.Clipboard.Value()
	if d.Paste != nil {
		wrong, err := keygen.NewCredential(d.Paste(q.Title, value.Reveal()))
		if err != nil {
			return err
		}
		value = wrong
	}
	if err := d.take(ctx, project, key, target); err != nil { // as the second click says
		return err
	}
	_, err := d.API.CreateVariable(ctx, project, vercel.NewVariable{Key: key, Value: value, Type: kind, Target: target})
	return err
}

// take removes a variable from a target, keeping what else its row serves.
func (d *Dashboard) take(ctx context.Context, project, key, target string) error {
	variables, err := d.API.Variables(ctx, project)
	if err != nil {
		return err
	}
	for _, v := range variables {
		if v.Key != key || !v.Serves(target) {
			continue
		}
		keep := slices.DeleteFunc(slices.Clone(v.Target), func(t string) bool { return t == target })
		if len(keep) > 0 {
			err = d.API.NarrowVariable(ctx, project, v, keep)
		} else {
			err = d.API.DeleteVariable(ctx, project, v.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Dashboard) redeploy(ctx context.Context, project, target string) error {
	from, err := d.API.LatestReady(ctx, project, target)
	if err != nil {
		return err
	}
	made, err := d.API.Redeploy(ctx, project, from, target)
	if err != nil {
		return err
	}
	_, err = d.API.WaitReady(ctx, made.ID, vercel.Poll{Interval: vercel.Every(10 * time.Millisecond)}, func(vercel.Deployment) {})
	return err
}

// older lists the addresses of all Ready deployments of an environment but the
// newest.
func (d *Dashboard) older(ctx context.Context, project, environment string) (string, error) {
	target := map[string]string{"staging": "preview", "production": "production"}[environment]
	all, err := d.API.Deployments(ctx, project, target)
	if err != nil {
		return "", err
	}
	newest, err := d.API.LatestReady(ctx, project, target)
	var addresses []string
	for _, o := range all {
		if o.ReadyState == vercel.StateReady && o.ID != newest.ID {
			addresses = append(addresses, "http://"+o.URL)
		}
	}
	return strings.Join(addresses, " "), err
}

// delete deletes the deployment whose address the words name.
func (d *Dashboard) delete(ctx context.Context, project, body string) error {
	m := findLine.FindStringSubmatch(body)
	all, err := d.API.Deployments(ctx, project, "")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(o vercel.Deployment) bool { return m != nil && "http://"+o.URL == m[1] })
	if i < 0 {
		return fmt.Errorf("%s has no such deployment: %s", project, body)
	}
	return d.API.DeleteDeployment(ctx, all[i].ID)
}
