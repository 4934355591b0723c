// Command keyturn takes an operator through the rotation of the HMAC secrets
// with which services sign requests to each other. Package cli has its commands
// and exit codes.
package main

import (
	"context"
	"os"

	"keyturn/ui/cli"
	"keyturn/ui/termguard"
)

func main() {
	termguard.Restore()
	os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
