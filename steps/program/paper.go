package program

import (
	"errors"

	"keyturn/steps/config"
	"keyturn/steps/paper"
)

// loadTemplates reads the templates that the configuration names. A mistake in
// one is a mistake of the configuration.
func loadTemplates(c config.Paper) (paper.Templates, error) {
	templates, err := paper.Load(paper.Files{Decisions: c.Decisions, Incident: c.Incident, PostMortem: c.PostMortem})
	var mistakes paper.Mistakes
	if !errors.As(err, &mistakes) {
		return templates, err
	}
	var problems config.Problems
	for _, e := range mistakes {
		problems = append(problems, config.Problem{File: e.File, Line: e.Line, Field: "paper." + e.Field, Found: e.Found, Fix: e.Fix})
	}
	return templates, &UsageError{problems}
}
