package vercel

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"keyturn/steps/httpclient"
)

// logAsked is how many events of a build are asked for to get the last lines of
// its log: some events have no text.
const logAsked = 50

// eventJSON is one event of a build. Older versions of the API have the text in
// a payload.
type eventJSON struct {
	Type    text `json:"type"`
	Text    text `json:"text"`
	Payload struct {
		Text text `json:"text"`
	} `json:"payload"`
}

// BuildLog returns the last lines of a deployment's build, oldest first and at
// most so many: each on one line, without control characters and what may be a
// secret, and cut where it is long.
func (c *Client) BuildLog(ctx context.Context, deployment string, lines int) ([]string, error) {
	var events []eventJSON
	err := c.do(ctx, call{
		subject: RequestError{Operation: "read the build log", Deployment: deployment},
		method:  http.MethodGet, path: path("v3", "deployments", deployment, "events"),
		query: url.Values{"direction": {"backward"}, "follow": {"0"}, "limit": {strconv.Itoa(max(logAsked, lines))}},
		into:  &events,
	})
	if err != nil {
		return nil, err
	}
	censor := httpclient.NewCensor(c.options.Token)
	kept := make([]string, 0, lines)
	for _, e := range events { // newest first
		if len(kept) == lines {
			break
		}
		switch e.Type {
		case "stdout", "stderr", "command":
			if line := censor.Words(string(first(e.Text, e.Payload.Text)), maxQuoted); line != "" {
				kept = append(kept, line)
			}
		}
	}
	slices.Reverse(kept)
	return kept, nil
}
