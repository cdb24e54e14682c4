// Package docs_test holds the pages to the code: what a page says is proven
// has to be there, and where a page points to has to exist.
package docs_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	repository = ".."
	storyFile  = "internal/cli/story/story.go"
	notYet     = "not yet"
)

// TestSeedsAreProvenByWhatIsThere reads every row of seeds.md and fails if its
// proof is gone or isn't written so that this test can tell.
func TestSeedsAreProvenByWhatIsThere(t *testing.T) {
	p := newProofs(t)
	perSeed := map[string]int{}
	for _, row := range rows(t, "seeds.md", "seed", "what it says", "proof", "missing, or remarks") {
		perSeed[row.cells[0]]++
		if row.cells[1] == "" {
			t.Errorf("seeds.md:%d says nothing", row.line)
		}
		if err := p.check(row.cells[2]); err != nil {
			t.Errorf("seeds.md:%d: %v", row.line, err)
		}
	}
	for _, seed := range []string{"000", "001", "002", "003", "004"} {
		if perSeed[seed] == 0 {
			t.Errorf("seeds.md has no row of seed %s", seed)
		}
		delete(perSeed, seed)
	}
	for seed := range perSeed {
		t.Errorf("seeds.md has rows of seed %q, which there isn't", seed)
	}
}

// TestSecurityPropertiesAreProvenByWhatIsThere does the same for the threat model,
// whose properties are numbered.
func TestSecurityPropertiesAreProvenByWhatIsThere(t *testing.T) {
	const properties = 34
	p := newProofs(t)
	all := rows(t, "security/threat-model.md", "#", "property", "how", "proof", "missing, or remarks")
	if len(all) != properties {
		t.Errorf("the threat model has %d properties, want %d", len(all), properties)
	}
	for i, row := range all {
		if row.cells[0] != strconv.Itoa(i+1) {
			t.Errorf("threat-model.md:%d is numbered %s, want %d", row.line, row.cells[0], i+1)
		}
		if err := p.check(row.cells[3]); err != nil {
			t.Errorf("threat-model.md:%d: %v", row.line, err)
		}
	}
	for _, row := range rows(t, "security/threat-model.md", "attack", "what stops it", "proof") {
		if err := p.check(row.cells[2]); err != nil {
			t.Errorf("threat-model.md:%d: %v", row.line, err)
		}
	}
}

// TestScenariosOfThePredecessorAreHeldByWhatIsThere does it for the table of aad-pod-identity's end-to-end scenarios.
func TestScenariosOfThePredecessorAreHeldByWhatIsThere(t *testing.T) {
	const scenarios = 27
	p, numbered := newProofs(t), 0
	for _, row := range rows(t, "migration.md", "#", "scenario", "test") {
		if n, err := strconv.Atoi(row.cells[0]); err == nil {
			if numbered++; n != numbered {
				t.Errorf("migration.md:%d is numbered %d, want %d", row.line, n, numbered)
			}
		}
		if err := p.check(row.cells[2]); err != nil {
			t.Errorf("migration.md:%d: %v", row.line, err)
		}
	}
	if numbered != scenarios {
		t.Errorf("migration.md has %d scenarios, want %d", numbered, scenarios)
	}
}

// TestCheckerRefuses proves that the checker can fail.
func TestCheckerRefuses(t *testing.T) {
	p := newProofs(t)
	const here = "`docs/seeds_test.go: "
	for _, good := range []string{notYet, "demo step 1", here + "TestCheckerRefuses`", here + "TestCheckerRefuses`; demo step 8"} {
		if err := p.check(good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "yes", "demo step", "demo step 0", "demo step 9", "demo step 1, demo step 2", "demo step 1; " + notYet,
		"docs/seeds_test.go: TestCheckerRefuses", here + "TestGone`", here + "newProofs`", "`docs/gone_test.go: TestGone`",
		"`../docs/seeds_test.go: TestCheckerRefuses`", "`" + storyFile + ": Run`",
	} {
		if err := p.check(bad); err == nil {
			t.Errorf("%q is taken for a proof", bad)
		}
	}
}

// TestLinksResolve follows the links of all pages to files of this repository.
func TestLinksResolve(t *testing.T) {
	pages := []string{"../README.md", "../CONTRIBUTING.md"}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	followed := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			target, _, _ := strings.Cut(match[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			followed++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), target)); err != nil {
				t.Errorf("%s links to %s: %v", page, match[1], err)
			}
		}
	}
	if followed == 0 {
		t.Error("no link was followed")
	}
}

type row struct {
	line  int
	cells []string
}

// rows are those of every table of a page that has these columns. A page
// without any is a failure: a checker that reads nothing proves nothing.
func rows(t *testing.T, page string, columns ...string) []row {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var found []row
	inside := false
	for i, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
		for j := range cells {
			cells[j] = strings.TrimSpace(cells[j])
		}
		switch {
		case slices.Equal(cells, columns):
			inside = true
		case !inside || strings.Trim(strings.Join(cells, ""), "-:") == "":
		case len(cells) != len(columns):
			t.Errorf("%s:%d has %d cells, its table %d", page, i+1, len(cells), len(columns))
		default:
			found = append(found, row{i + 1, cells})
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s: no row was read", page)
	}
	return found
}

// proofs knows what can prove something.
type proofs struct {
	steps int
	tests map[string]map[string]bool // by file
}

func newProofs(t *testing.T) *proofs {
	t.Helper()
	steps, err := demoSteps()
	if err != nil {
		t.Fatal(err)
	}
	return &proofs{steps: steps, tests: map[string]map[string]bool{}}
}

var (
	testProof = regexp.MustCompile("^`([a-z0-9_/.-]+_test\\.go): ((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`$")
	demoProof = regexp.MustCompile(`^demo step ([1-9][0-9]*)$`)
)

// check reads a proof cell: "not yet", or proofs separated by semicolons.
func (p *proofs) check(cell string) error {
	if cell == notYet {
		return nil
	}
	for _, proof := range strings.Split(cell, "; ") {
		if match := demoProof.FindStringSubmatch(proof); match != nil {
			if n, err := strconv.Atoi(match[1]); err != nil || n > p.steps {
				return fmt.Errorf("the demo has %d steps, there is no %s", p.steps, proof)
			}
			continue
		}
		match := testProof.FindStringSubmatch(proof)
		if match == nil || !filepath.IsLocal(match[1]) {
			return fmt.Errorf("%q is neither `file_test.go: TestName`, nor \"demo step N\", nor %q", proof, notYet)
		}
		if err := p.test(match[1], match[2]); err != nil {
			return err
		}
	}
	return nil
}

func (p *proofs) test(file, name string) error {
	if p.tests[file] == nil {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(repository, file), nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("reading the file of a proof: %w", err)
		}
		names := map[string]bool{}
		for _, declaration := range parsed.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil {
				names[function.Name.Name] = true
			}
		}
		p.tests[file] = names
	}
	if !p.tests[file][name] {
		return fmt.Errorf("%s has no %s (any more)", file, name)
	}
	return nil
}

// demoSteps counts the steps of the story in its source: those of the list, and
// the last one, which takes everything down and has its title by itself.
func demoSteps() (int, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(repository, storyFile), nil, parser.SkipObjectResolution)
	if err != nil {
		return 0, fmt.Errorf("reading the story: %w", err)
	}
	listed, titles := 0, 0
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			name, isName := n.Lhs[0].(*ast.Ident)
			list, isList := n.Rhs[0].(*ast.CompositeLit)
			if isName && isList && name.Name == "steps" {
				listed = len(list.Elts)
			}
		case *ast.CallExpr:
			if method, ok := n.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Title" {
				titles++
			}
		}
		return true
	})
	if listed == 0 || titles != 2 {
		return 0, errors.New("the steps of " + storyFile + " aren't where this test looks for them")
	}
	return listed + titles - 1, nil
}
