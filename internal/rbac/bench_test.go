package rbac

import (
	"fmt"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// BenchmarkCheckBySize: the number of assignments must not matter.
func BenchmarkCheckBySize(b *testing.B) {
	for _, n := range []int{10, 400, 4000, 40000} {
		x := builtinIndex(b)
		for i := range n {
			x.Put(assign(i, fmt.Sprintf("%s/resourceGroups/g%d", sub, i%400), reader, fmt.Sprintf("22222222-2222-2222-2222-%012d", i%50)))
		}
		x.Put(assign(n, nodeGroup, vmContributor, principal))
		benchmarkCheck(b, fmt.Sprint(n), x, armid.MustParse(scaleSet))
	}
}

// BenchmarkCheckByDepth: each level of the scope costs one look-up.
func BenchmarkCheckByDepth(b *testing.B) {
	x := builtinIndex(b)
	x.Put(assign(1, sub, vmContributor, principal))
	for _, scope := range []string{sub, nodeGroup, scaleSet, scaleSet + "/virtualMachines/0", scaleSet + "/virtualMachines/0/networkInterfaces/n/ipConfigurations/i"} {
		id := armid.MustParse(scope)
		levels := 0
		for range id.Scopes() {
			levels++
		}
		benchmarkCheck(b, fmt.Sprint(levels), x, id)
	}
}

// BenchmarkCheckConditional is a decision that an ABAC condition takes part in.
func BenchmarkCheckConditional(b *testing.B) {
	x := builtinIndex(b)
	a := assign(1, sub, vmContributor, principal)
	a.Condition = "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[x] StringEquals 'y'))"
	x.Put(a)
	benchmarkCheck(b, "one", x, armid.MustParse(scaleSet))
}

func benchmarkCheck(b *testing.B, name string, x *Index, scope armid.ID) {
	who := []string{principal}
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !x.Check(who, scaleSetWrite, scope, false).Allowed {
				b.Fatal("refused")
			}
		}
	})
}
