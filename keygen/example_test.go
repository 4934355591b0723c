package keygen_test

import (
	"fmt"
	"strings"

	"keyturn/keygen"
)

func ExampleGenerate() {
	// crypto/rand.Reader in earnest.
	secret, err := keygen.Generate(strings.NewReader("thirty-two bytes that are no key!"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v %d\n", secret, len(secret.Reveal()))
	fmt.Println(secret.Fingerprint("ecec2453-b803-4fe2-9f55-09fe54575e2b").Short())
	// Output:
	// [redacted] 64
	// cf4a 757e b06b 1c12
}
