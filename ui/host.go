package ui

import (
	"context"
	"runtime/debug"

	tea "github.com/charmbracelet/bubbletea"

	"keyturn/checklist"
)

func stack() []byte { return debug.Stack() }

// load opens the desk.
func (r *root) load() tea.Cmd {
	return r.aside("opening", func(ctx context.Context) tea.Msg {
		desk, err := r.opts.Load(ctx)
		if err != nil {
			return loaded{nil, err} // whatever the desk is, it is not one
		}
		return loaded{desk, nil}
	})
}

// aside runs what may take a while as a command that Run waits for at the end,
// unlike Bubble Tea, which leaves its commands behind.
func (r *root) aside(part string, f func(context.Context) tea.Msg) tea.Cmd {
	done := make(chan tea.Msg, 1)
	r.crew.start(part, func() { done <- f(r.ctx) })
	return func() tea.Msg {
		select {
		case msg := <-done:
			return msg
		case <-r.ctx.Done():
			return nil
		}
	}
}

func (r *root) reload() tea.Cmd {
	r.homeView.err = nil
	return r.load()
}

func (r *root) current() *running { return r.task }

func (r *root) run(t task) {
	if r.task != nil {
		r.say(warn, r.task.name+" is under way; ctrl+c cancels it")
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	r.tasks++
	id, p := r.tasks, r.pump
	r.task = &running{task: t, id: id, started: r.realNow(), cancel: cancel}
	p.watch(t.engine)
	r.crew.start("a task", func() {
		defer cancel()
		err := t.do(ctx, operator{p})
		p.add(func(p *pump) { p.pending.ended = append(p.pending.ended, ended{id, err}) })
	})
}

// put opens the prompt of a task's question.
func (r *root) put(q question) {
	p := newPrompt(q.q, r.look, r.keymap, r, func(text string, err error) tea.Cmd {
		q.reply <- reply{checklist.Answer{Text: text}, err}
		return nil
	})
	p.id = q.id
	r.overlays = append(r.overlays, p)
	if r.task != nil {
		r.task.asking = true
	}
}

// withdraw closes the prompt of a question that nobody waits for any more.
func (r *root) withdraw(id int) {
	for _, o := range r.overlays {
		if p, ok := o.(*prompt); ok && p.id == id {
			r.remove(p)
			return
		}
	}
}

func (r *root) remove(gone overlay) {
	var kept []overlay
	for _, o := range r.overlays {
		if o != gone {
			kept = append(kept, o)
		}
	}
	r.overlays = kept
	if p, ok := gone.(*prompt); ok && p.id != 0 && r.task != nil {
		r.task.asking = false
	}
}

func (r *root) ask(q checklist.Question, then func(string) tea.Cmd) {
	r.overlays = append(r.overlays, newPrompt(q, r.look, r.keymap, r, func(text string, err error) tea.Cmd {
		if err != nil {
			return nil
		}
		return then(text)
	}))
}

func (r *root) say(t tone, text string) {
	r.toast.tone, r.toast.text = t, text
	r.toast.until = r.realNow().Add(toastTime)
}

func (r *root) show(c *card) {
	c.keymap, c.host = r.keymap, r
	r.overlays = append(r.overlays, c)
}

func (r *root) enter(e *checklist.Engine, resumed bool) {
	r.session = newSession(r, r.look, r.keymap, r.desk, e, r.sandbox())
	r.session.direct = r.homeView.direct
	r.homeView.direct = false
	r.result.Session = r.session.s.ID()
	if resumed {
		r.session.resume()
	}
}

// home leaves the session, which closes its journal.
func (r *root) home() tea.Cmd {
	if r.session == nil {
		return nil
	}
	r.remember()
	e := r.session.engine
	r.homeView.returned = r.session.s.ID()
	r.session = nil
	read := r.homeView.reading()
	return r.aside("closing the session", func(ctx context.Context) tea.Msg {
		if err := e.Close(); err != nil {
			return closed{err}
		}
		return read(ctx)
	})
}

// remember keeps for the result how the session stands.
func (r *root) remember() {
	if r.session == nil {
		return
	}
	r.result.Session, r.result.Outcome, r.result.Return = r.session.s.ID(), r.session.s.Outcome, ""
	if r.session.s.Outcome == "" {
		r.result.Return = r.desk.ReturnCommand(r.session.s.ID())
	}
}

func (r *root) quit() tea.Cmd {
	r.leaving = true
	return tea.Quit
}
