package vault_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"keyturn/keygen"
	"keyturn/vault"
)

func Example() {
	ctx := context.Background()
	v := vault.NewMemory(nil) // vault.Open chooses a real one

	secret, err := keygen.Generate(rand.Reader)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	entry, err := v.Put(ctx, "staging/v2", secret, vault.PutOptions{Note: "session 2026-4"})
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Println(entry.Name, entry.Version, entry.Status)

	found, _, err := v.Get(ctx, "staging/v2")
	fmt.Println(found, found.Equal(secret), err)

	_, _, err = v.Get(ctx, "staging/v3")
	fmt.Println(errors.Is(err, vault.ErrNotFound), err)
	// Output:
	// staging/v2 1 active
	// [redacted] true <nil>
	// true get staging/v3: no such item
}
