//go:build !windows

package clipboard

import "errors"

func newNative() (way, error) { return nil, errors.New("this is not Windows") }
