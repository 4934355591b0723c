package clipboard

import (
	"context"
	"io"
	"sync/atomic"
)

// conceal puts its standard input on the pasteboard of this Mac alone (1 is
// NSPasteboardContentsCurrentHostOnly), with the mark that clipboard histories
// respect (nspasteboard.org).
const conceal = `ObjC.import('AppKit');
function run() {
	const data = $.NSFileHandle.fileHandleWithStandardInput.readDataToEndOfFile;
	const text = $.NSString.alloc.initWithDataEncoding(data, $.NSUTF8StringEncoding);
	const board = $.NSPasteboard.generalPasteboard;
	board.prepareForNewContentsWithOptions(1);
	const put = board.setStringForType(text, 'public.utf8-plain-text')
		&& board.setStringForType($(''), 'org.nspasteboard.ConcealedType');
	if (!put) throw new Error('the pasteboard refused');
}`

// pasteboard is the clipboard of macOS.
type pasteboard struct {
	program          // pbcopy
	paste, osascript program
	scripted         atomic.Bool // osascript is there, and has not failed
}

var _ reader = (*pasteboard)(nil)

func newPasteboard(o Options) (way, error) {
	clip, err := o.find("pbcopy")
	if err != nil {
		return nil, err
	}
	paste, err := o.find("pbpaste")
	if err != nil {
		return nil, err
	}
	p := &pasteboard{program: asUTF8(clip), paste: asUTF8(paste)}
	if p.osascript, err = o.find("osascript"); err == nil {
		p.scripted.Store(true)
	}
	return p, nil
}

// asUTF8 lets pbcopy and pbpaste take and give texts as they are: without a
// locale they would turn them to MacRoman, and no hash would match.
func asUTF8(p program) program { return p.with("LC_ALL=", "LC_CTYPE=UTF-8") }

func (p *pasteboard) describe() string {
	if p.scripted.Load() {
		return "the clipboard (marked as concealed)"
	}
	return "the clipboard (pbcopy)"
}

// put goes without the mark where osascript does not work, as on a machine that
// forbids scripting.
func (p *pasteboard) put(ctx context.Context, text string, concealed bool) error {
	var failed error
	if concealed && p.scripted.Load() {
		failed = p.osascript.give(ctx, text, "-l", "JavaScript", "-e", conceal)
		if failed == nil {
			return nil
		}
		p.scripted.Store(false)
	}
	if err := p.give(ctx, text); err != nil {
		return also(failed, err)
	}
	return nil
}

func (p *pasteboard) clear(ctx context.Context) error { return p.give(ctx, "") }

func (p *pasteboard) read(ctx context.Context, w io.Writer) error { return p.paste.take(ctx, w) }
