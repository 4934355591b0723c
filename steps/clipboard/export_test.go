package clipboard

// Watched is closed when the watcher over what was put last has ended.
func (c *Clipboard) Watched() <-chan struct{} { return c.held.watcher.exited }

// WatcherID is the process of that watcher.
func (c *Clipboard) WatcherID() int { return c.held.watcher.cmd.Process.Pid }
