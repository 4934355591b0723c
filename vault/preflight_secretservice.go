//go:build linux || freebsd || dragonfly || netbsd || openbsd

package vault

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/godbus/dbus/v5"
)

// Names of the Secret Service API, version 0.2 (specifications.freedesktop.org,
// secret-service). The keychain library uses the same.
const (
	secretService    = "org.freedesktop.secrets"
	secretPath       = dbus.ObjectPath("/org/freedesktop/secrets")
	loginCollection  = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	serviceInterface = "org.freedesktop.Secret.Service"
	collectionLocked = "org.freedesktop.Secret.Collection.Locked"
)

// lookAtKeychain asks the session bus, in this order, what the keychain
// library will need. Each step has its own state, since each needs another
// remedy, while the library's errors are text.
func lookAtKeychain(ctx context.Context) Readiness {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	bus, err := connect(ctx)
	if err != nil {
		return failure(ctx, KeychainNoBus, err)
	}
	defer func() { _ = bus.Close() }() // nothing is buffered

	offered, err := secretServiceOffered(ctx, bus)
	switch {
	case err != nil:
		return failure(ctx, KeychainNoBus, err)
	case !offered:
		return Readiness{State: KeychainNoProvider, Cause: fmt.Errorf("nobody offers %s on the session bus", secretService)}
	}

	collection, err := usedCollection(ctx, bus)
	if err != nil {
		return failure(ctx, KeychainNoProvider, err)
	}
	if collection == "/" {
		return Readiness{State: KeychainNoCollection, Cause: errors.New("there is neither a login nor a default collection")}
	}

	var locked bool
	if err := property(ctx, bus.Object(secretService, collection), collectionLocked, &locked); err != nil {
		return failure(ctx, KeychainNoCollection, err)
	}
	where := "Secret Service, collection " + path.Base(string(collection))
	if locked {
		return Readiness{State: KeychainLocked, Where: where}
	}
	return Readiness{State: KeychainReady, Where: where}
}

// failure tells a service that answers no from one that does not answer.
// When the time is up, godbus closes the connection, and err says only that.
func failure(ctx context.Context, state KeychainState, err error) Readiness {
	if ctx.Err() != nil {
		return Readiness{State: KeychainSilent, Cause: fmt.Errorf("waited %s", preflightLimit)}
	}
	return Readiness{State: state, Cause: err}
}

// connect joins a session bus that is running already.
func connect(ctx context.Context) (*dbus.Conn, error) {
	bus, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("find session bus: %w", err)
	}
	if err := bus.Auth(nil); err != nil {
		return nil, errors.Join(fmt.Errorf("log in to session bus: %w", err), bus.Close())
	}
	if err := bus.Hello(); err != nil {
		return nil, errors.Join(fmt.Errorf("greet session bus: %w", err), bus.Close())
	}
	return bus, nil
}

// secretServiceOffered reports whether a Secret Service runs or can be
// activated.
func secretServiceOffered(ctx context.Context, bus *dbus.Conn) (bool, error) {
	var owned bool
	if err := bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, secretService).Store(&owned); err != nil {
		return false, fmt.Errorf("ask who owns %s: %w", secretService, err)
	}
	if owned {
		return true, nil
	}
	var names []string
	if err := bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.ListActivatableNames", 0).Store(&names); err != nil {
		return false, fmt.Errorf("list activatable names: %w", err)
	}
	return slices.Contains(names, secretService), nil
}

// usedCollection returns the collection that the keychain library will take:
// login if there is one, else the one with the alias default, else "/".
func usedCollection(ctx context.Context, bus *dbus.Conn) (dbus.ObjectPath, error) {
	service := bus.Object(secretService, secretPath)
	var collections []dbus.ObjectPath
	if err := property(ctx, service, serviceInterface+".Collections", &collections); err != nil {
		return "", err
	}
	if slices.Contains(collections, loginCollection) {
		return loginCollection, nil
	}
	var collection dbus.ObjectPath
	if err := service.CallWithContext(ctx, serviceInterface+".ReadAlias", 0, "default").Store(&collection); err != nil {
		return "", fmt.Errorf("read alias default: %w", err)
	}
	return collection, nil
}

// property reads a property as "interface.Name" into a pointer.
func property(ctx context.Context, o dbus.BusObject, name string, into any) error {
	at := len(name) - len(path.Ext(name)) // the last dot
	var v dbus.Variant
	if err := o.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, name[:at], name[at+1:]).Store(&v); err != nil {
		return fmt.Errorf("read property %s: %w", name, err)
	}
	if err := v.Store(into); err != nil {
		return fmt.Errorf("read property %s: %w", name, err)
	}
	return nil
}
