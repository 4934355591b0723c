package plain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"keyturn/checklist"
)

// errEnd says that the input has ended.
var errEnd = errors.New("the input has ended")

// console reads lines of input without keeping a cancelled context waiting.
type console struct {
	out   io.Writer
	lines chan string
}

func newConsole(in io.Reader, out io.Writer) *console {
	c := &console{out: out, lines: make(chan string)}
	// The goroutine ends with its input; a read cannot be interrupted.
	go func() {
		defer close(c.lines)
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			c.lines <- scanner.Text()
		}
	}()
	return c
}

// line prints a prompt and returns the next line of input.
func (c *console) line(ctx context.Context, prompt string) (string, error) {
	fmt.Fprint(c.out, prompt)
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case text, ok := <-c.lines:
		if !ok {
			return "", errEnd
		}
		return strings.TrimSpace(text), nil
	}
}

// answer asks a question on the console until the answer fits. The word
// "cancel" leaves any question.
func (c *console) answer(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	for i, choice := range q.Choices {
		fmt.Fprintf(c.out, "   %d. %s: %s\n", i+1, choice.Label, choice.Help)
	}
	for {
		text, err := c.line(ctx, prompt(q))
		if err != nil {
			return checklist.Answer{}, err
		}
		if text == "cancel" {
			return checklist.Answer{}, checklist.ErrCancelled
		}
		if text == "" {
			text = q.Default
		}
		if text, err = c.rest(ctx, q.Block, text); err != nil {
			return checklist.Answer{}, err
		}
		if fitting, ok := fit(q, text); ok {
			return checklist.Answer{Text: fitting}, nil
		}
		fmt.Fprintln(c.out, "   that is no answer to this question; type cancel to leave it")
	}
}

// rest reads the other lines of an answer that is pasted. The word "cancel" leaves
// it, too.
func (c *console) rest(ctx context.Context, block *checklist.Block, text string) (string, error) {
	for block.Unfinished(text) {
		line, err := c.line(ctx, "")
		if err == nil && line == "cancel" {
			err = checklist.ErrCancelled
		}
		if err != nil {
			return "", err
		}
		text += "\n" + line
	}
	return text, nil
}

func prompt(q checklist.Question) string {
	hint := ""
	switch q.Kind {
	case checklist.Confirm:
		hint = "yes or no"
	case checklist.Choose:
		hint = fmt.Sprintf("1 to %d", len(q.Choices))
	case checklist.Type:
		hint = "type " + q.Expect + " exactly"
	case checklist.Write:
		hint = "text"
		if q.Block != nil {
			hint = "a path, or paste the lines"
		}
	}
	if q.Default != "" {
		hint += ", enter for " + q.Default
	}
	return fmt.Sprintf("   (%s, or cancel) > ", hint)
}

// fit turns input into an answer, and reports whether it is one.
func fit(q checklist.Question, text string) (string, bool) {
	switch q.Kind {
	case checklist.Confirm:
		switch strings.ToLower(text) {
		case "y", checklist.Yes:
			return checklist.Yes, true
		case "n", checklist.No:
			return checklist.No, true
		}
		return "", false
	case checklist.Choose:
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(q.Choices) {
			return q.Choices[n-1].ID, true
		}
		for _, choice := range q.Choices {
			if choice.ID == text {
				return text, true
			}
		}
		return "", false
	case checklist.Type:
		return text, text == q.Expect
	}
	return text, text != "" || q.Optional
}
