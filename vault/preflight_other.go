//go:build !(linux || freebsd || dragonfly || netbsd || openbsd || darwin || windows)

package vault

import (
	"context"
	"errors"
	"runtime"
)

func lookAtKeychain(context.Context) Readiness {
	return Readiness{State: KeychainUnsupported, Cause: errors.New("there is no keychain for " + runtime.GOOS)}
}
