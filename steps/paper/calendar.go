package paper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
)

// Calendar is the appointments of a session, as a file for any calendar
// (RFC 5545). Importing a later version updates what an earlier one made.
type Calendar struct {
	Session string
	Service string
	Sandbox bool
	Made    time.Time // when this version is made
	// Version counts up with each one that is made; a calendar takes the higher.
	Version int
	Days    []Day
}

// Day is an appointment of a whole day.
type Day struct {
	ID    string    // stable within the session, such as "day-1"
	Date  time.Time // any moment of the day, in the place where it counts
	Title string
	Words string
}

// eventDomain makes the ids of appointments unique in the world (RFC 7986,
// section 5.3): the session's name is, within the trail.
const eventDomain = "@keyturn"

func (c Calendar) uid(d Day) string { return c.Session + "." + d.ID + eventDomain }

// Text returns the calendar file.
func (c Calendar) Text() (string, error) {
	calendar := ics.NewCalendarFor("keyturn")
	calendar.SetProductId("-//keyturn//keyturn//EN")
	calendar.SetMethod(ics.MethodPublish)
	name := "HMAC keys of " + oneLine(c.Service)
	if c.Sandbox {
		name = "SANDBOX: " + name
	}
	calendar.SetXWRCalName(name)
	for _, d := range c.Days {
		e := calendar.AddEvent(c.uid(d))
		e.SetDtStampTime(c.Made)
		e.SetModifiedAt(c.Made)
		e.SetSequence(c.Version)
		e.SetAllDayStartAt(d.Date)
		e.SetAllDayEndAt(d.Date.AddDate(0, 0, 1)) // the day after: the end is not part of it
		title, words := oneLine(d.Title), visibleLines(d.Words)
		if c.Sandbox {
			title, words = "SANDBOX: "+title, "Nothing real is changed.\n"+words
		}
		e.SetSummary(title)
		e.SetDescription(words + "\nSession " + oneLine(c.Session))
		e.SetTimeTransparency(ics.TransparencyTransparent) // nobody is busy all day
		e.SetStatus(ics.ObjectStatusConfirmed)
	}
	var b strings.Builder
	if err := calendar.SerializeTo(&b, ics.WithNewLineWindows); err != nil { // CRLF: RFC 5545, section 3.1
		return "", fmt.Errorf("write the calendar: %w", err)
	}
	return b.String(), nil
}

// Write writes the calendar file, in place of an earlier version of the same
// session's. Any other file of the name is ErrExists.
func (c Calendar) Write(path string) error {
	text, err := c.Text()
	if err != nil {
		return err
	}
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return create(path, text)
	case err != nil:
		return err
	case string(old) == text:
		return nil
	case !c.owns(string(old)):
		return fmt.Errorf("%s: %w", path, ErrExists)
	}
	return replace(path, text)
}

// Holds reports whether the file is one of this session's calendars and has all
// its days on their dates, whichever version it is.
func (c Calendar) Holds(path string) (bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	found, err := ics.ParseCalendar(strings.NewReader(string(text)))
	if err != nil {
		return false, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	dates := map[string]string{}
	for _, e := range found.Events() {
		if start := e.GetProperty(ics.ComponentPropertyDtStart); start != nil {
			dates[e.Id()] = start.Value
		}
	}
	for _, d := range c.Days {
		if dates[c.uid(d)] != d.Date.Format("20060102") {
			return false, nil
		}
	}
	return true, nil
}

// owns reports whether a calendar file was made for this session.
func (c Calendar) owns(text string) bool {
	unfolded := strings.ReplaceAll(text, "\r\n ", "")
	return strings.Contains(unfolded, "UID:"+c.Session+".") && strings.Contains(unfolded, "PRODID:-//keyturn//")
}

func oneLine(text string) string { return visible(strings.Join(strings.Fields(text), " ")) }

func visibleLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = oneLine(line)
	}
	return strings.Join(lines, "\n")
}
