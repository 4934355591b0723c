package record_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

func ExampleVerifyTrail() {
	kept := filepath.Join("..", "..", "testdata", "kept", "v2", "drill-finished")
	lines, err := os.ReadFile(filepath.Join(kept, "allowed_signers"))
	if err != nil {
		fmt.Println(err)
		return
	}
	roster, err := sshsig.ParseRoster("allowed_signers", lines)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := record.VerifyTrail(context.Background(), []string{filepath.Join(kept, "trail")}, record.Options{
		Roster:   roster,
		Requests: approval.Texts{}, // reads what second persons signed
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Verified[0].Records, "record verified")
	// Output: 1 record verified
}
